"""What has to hold after a round, by counting what happened: outside, and in the database."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from battle import SECONDS, Battle, Run

from orchestrator.domain.delivery import DeliveryState
from orchestrator.domain.task_run import TaskRunState

QUOTED = re.compile(r"(\w+) run=(\w{32})")

AT_WORK = (TaskRunState.DUE, TaskRunState.RUNNING, TaskRunState.UNDER_REVIEW)


@dataclass
class Counts:
    """What was done and what came of it. All after ``reruns`` have to be 0."""

    kickoffs: int = 0
    answers: int = 0
    decisions: int = 0
    steps: int = 0
    webhooks: int = 0
    reruns: int = 0
    """Bodies that ran again because nothing of them was committed: at-least-once."""
    repeated: int = 0
    """Bodies that ran again although they were committed."""
    lost: int = 0
    """Kickoffs, answers and webhooks that were accepted or due, and came to nothing."""
    doubled: int = 0
    """Reviews with more than one decision, and steps with more than one commit."""
    stuck: int = 0
    """Rows that wait although everything has ended."""
    secrets: int = 0
    """Secrets in logs."""

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{k: v + getattr(other, k) for k, v in asdict(self).items()})

    @property
    def is_right(self) -> bool:
        return not any((self.repeated, self.lost, self.doubled, self.stuck, self.secrets))


def settled(battle: Battle) -> None:
    """Wait until all has ended and every webhook has arrived, or give up: then it is counted."""
    ids = {run.id for run in battle.runs}

    def ended() -> bool:
        return all(_record(battle, each)["status"] in ("completed", "error") for each in ids)

    def sent() -> bool:
        return not any(_open_deliveries(battle, each) for each in ids)

    battle.until(ended, SECONDS)
    battle.until(sent, SECONDS)


def count(battle: Battle, faults: list[str]) -> Counts:
    """Count a round that has settled. What is wrong is told in ``faults``, a line each."""
    total = Counts()
    for run in battle.runs:
        record = _record(battle, run.id)
        total += _of_run(battle, run, record, faults)
    total.answers = sum(battle.accepted.values())
    logs = battle.service.logs
    for secret in battle.service.secrets:
        if secret in logs:
            faults.append(f"a secret is in a log: {secret[:4]}…")
            total.secrets += 1
    return total


def _of_run(battle: Battle, run: Run, record: dict[str, Any], faults: list[str]) -> Counts:
    counts = Counts(kickoffs=1)

    def wrong(kind: str, what: str) -> None:
        setattr(counts, kind, getattr(counts, kind) + 1)
        faults.append(f"{kind}: {run.deployment} {run.id}: {what}")

    if record["status"] != "completed":
        wrong("lost", f"it came to {record['status']}: {record.get('error')}")
    _count_reviews(battle, record, counts, wrong)
    _count_bodies(run, record, counts, wrong)
    _count_webhooks(battle, run, record, counts, wrong)
    for row in battle.service.ports.store.read(lambda tx: tx.task_runs.of(run.id)):
        if row.state in AT_WORK:
            wrong("stuck", f"{row.path} is {row.state}")
    return counts


def _count_reviews(battle: Battle, record: dict[str, Any], counts: Counts, wrong: Any) -> None:
    decided = Counter(
        each["subject_id"] for each in record["timeline"] if each["event"] == "review.answer"
    )
    counts.decisions = sum(decided.values())
    for review in record["reviews"]:
        review_id = review["review_id"]
        if decided[review_id] > 1 or battle.accepted[review_id] > 1:
            wrong("doubled", f"review {review_id} was decided more than once")
        if battle.accepted[review_id] and not decided[review_id]:
            wrong("lost", f"an answer to {review_id} was accepted and decided nothing")
        if battle.accepted[review_id] and review.get("feedback") != battle.told[review_id]:
            wrong("lost", f"the words for {review_id} are {review.get('feedback')}")
        if review["state"] != "ANSWERED":
            wrong("stuck", f"review {review_id} is {review['state']}")


def _count_bodies(run: Run, record: dict[str, Any], counts: Counts, wrong: Any) -> None:
    """A claim that was accepted is the newest one: so is the run of a body that it quotes."""
    ran: dict[str, list[str]] = {}
    for name, _, number in run.lines:
        ran.setdefault(name, []).append(number)
    kept: dict[str, list[str]] = {}
    for text in _outputs(record):
        for name, number in QUOTED.findall(text):
            kept.setdefault(name, []).append(number)
    commits = Counter(_committed(record))
    counts.steps = sum(commits.values())
    for path, number in commits.items():
        if number > 1:
            wrong("doubled", f"{path} was committed {number} times")
    asked_anew = Counter(
        task["name"]
        for task in record["tasks"]
        for each in task["rounds"]
        if each["state"] == "REJECTED" and "output" not in each
    )
    for name, numbers in ran.items():
        counts.reruns += len(numbers) - len(kept.get(name, ())) - asked_anew[name]
        if not kept.get(name):
            wrong("lost", f"{name} ran, and nothing of it was kept")
        elif numbers[-1] != kept[name][-1]:
            wrong("repeated", f"{name} ran again after it was kept")
        elif len(set(kept[name])) != len(kept[name]):
            wrong("doubled", f"one run of {name} was kept twice")


def _committed(record: dict[str, Any]) -> Iterator[str]:
    for each in record["timeline"]:
        if each["event"] == "step.commit":
            yield each["details"]["step"]
        elif each["event"] == "task_run.commit" and not record.get("steps"):
            yield f"{each['task_name']}#{each['round']}"


def _outputs(record: dict[str, Any]) -> Iterator[str]:
    """The text of each round of each task, or of each step, in order."""
    if record.get("steps"):
        for each in record["steps"]:
            yield str(each["output"])
        return
    for task in record["tasks"]:
        for each in task["rounds"]:
            yield str(each.get("output", ""))


def _count_webhooks(
    battle: Battle, run: Run, record: dict[str, Any], counts: Counts, wrong: Any
) -> None:
    """Each arrived, under one id; and there is one for all that happened."""
    came = {each.id: each for each in battle.receiver.of(run.id)}
    counts.webhooks = len(came)
    rows = _deliveries(battle, run.id)
    for row in rows:
        if row.id not in came:
            wrong("lost", f"the webhook {row.kind} {row.id} is {row.state} and never came")
    for each in set(came) - {row.id for row in rows}:
        wrong("doubled", f"a webhook {each} came that is not in the database")
    kinds = Counter(each.kind for each in came.values())
    due = {"crew": 1, "human_input": len(record["reviews"])}
    for kind, number in due.items():
        if kinds[kind] != number:
            wrong("lost", f"{kinds[kind]} webhooks {kind} came, {number} were due")


def _deliveries(battle: Battle, execution_id: str) -> Any:
    return battle.service.ports.store.read(lambda tx: tx.deliveries.of(execution_id))


def _open_deliveries(battle: Battle, execution_id: str) -> bool:
    done = DeliveryState.DELIVERED
    return any(each.state != done for each in _deliveries(battle, execution_id))


def _record(battle: Battle, execution_id: str) -> dict[str, Any]:
    answer = battle.client.call("GET", f"/v1/executions/{execution_id}")
    assert answer.status_code == 200, answer.text
    record: dict[str, Any] = answer.json()
    return record

"""Flows that nobody thought of, on a real service that is hurt, through HTTP alone.

What must come of a flow is computed by CrewAI itself, in one process, where nobody is killed and
reviews are answered on the spot (``one_process``). CrewAI's own pause is not used there, since it
loses reviews. Two things are compared:

- Any flow has to have come to what CrewAI comes to in the very order in which the service
  committed: the same calls, the same outputs, the same result, and nothing left to run.
- Of a third of the flows it is known beforehand which methods run and what they give, since no
  order changes it. (Of others it is not: an ``or_`` has the output of who was first.)

``FAULT_SEEDS`` says how many flows there are, ``FAULT_FIRST`` which is the first.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from random import Random
from threading import Barrier
from typing import Any

import psutil
import pytest
import requests
from one_process import Came, OneProcess
from processes import kill_all
from random_flows import RandomFlow, dice, make_flow, told
from service import Service

from orchestrator.client import OpenReview

FIRST = int(os.environ.get("FAULT_FIRST", "0"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("FAULT_SEEDS", "3")))
MOST_KILLS = 4
CHANCE_OF_A_KILL = 0.15
SECONDS = 120.0
"""The longest wait for the next thing: a killed worker starts, CrewAI imports, a claim lapses."""

pytestmark = [
    pytest.mark.processes,
    pytest.mark.crewai,
    pytest.mark.xdist_group("faults"),
    pytest.mark.timeout(1200),
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
]


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the module of each flow."""
    folder = tmp_path_factory.mktemp("modules")
    for flow in map(make_flow, SEEDS):
        (folder / f"{flow.module}.py").write_text(flow.source)
    return folder


@pytest.fixture(scope="module")
def one_process(modules: Path) -> Iterator[OneProcess]:
    with OneProcess(modules) as one_process:
        yield one_process


@pytest.fixture(scope="module")
def lasting(modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    flows = [make_flow(seed) for seed in SEEDS]
    targets = {flow.deployment: f"{flow.module}:RandomFlow" for flow in flows}
    service = Service(tmp_path_factory.mktemp("service"), flows=targets)
    service.environment["PYTHONPATH"] += os.pathsep + str(modules)
    toml = service.deployments.read_text()
    for flow in flows:
        header = f"[deployments.{flow.deployment}]\n"
        more = 'parallel = "one-by-one"\n' if flow.one_by_one else ""
        toml = toml.replace(header, f"{header}max_attempts = 20\n{more}")
    service.deployments.write_text(toml)
    with service:
        yield service


@pytest.fixture
def service(lasting: Service) -> Service:
    """The service, up and ready, whatever an earlier test did to it."""
    if not lasting.is_up:
        lasting.start()
    lasting.await_ready()
    return lasting


@dataclass
class Attack:
    """One execution of a random flow, and all that is done to it."""

    service: Service
    flow: RandomFlow
    folder: Path
    rng: Random = field(init=False)
    execution_id: str = ""
    kills: int = 0
    held: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    did: list[str] = field(default_factory=list)
    """What was done, for people who read of a failure."""

    def __post_init__(self) -> None:
        self.rng = dice(f"attack {self.flow.seed}")

    @property
    def inputs(self) -> dict[str, str]:
        return {"folder": str(self.folder), "topic": "owls"}

    def hold(self, methods: list[str]) -> None:
        """Have these stay in the middle of their bodies until something was killed."""
        for name in methods:
            (self.folder / f"hold.{name}").touch()
            self.held.add(name)

    def to_the_end(self) -> dict[str, Any]:
        """Answer and kill until it has ended; returns its record."""
        body = {"inputs": self.inputs}
        begun = self.call("POST", f"/crews/{self.flow.deployment}/kickoff", body)
        self.execution_id = begun.json()["kickoff_id"]
        while step := self.service.until(self._next, SECONDS):
            if step == "end":
                break
            step()
        path = f"/v1/executions/{self.execution_id}"
        record: dict[str, Any] = self.call("GET", path).json()
        return record

    def _next(self) -> Callable[[], None] | str | None:
        """What can be done now."""
        status = self.service.client.status(self.flow.deployment, self.execution_id)
        if status.has_ended:
            return "end"
        steps: list[Callable[[], None]] = []
        if begun := sorted(self.held & set(self.runs)):
            steps.append(partial(self._kill_in_the_middle, begun[0]))
        open_ones = [each for each in status.pending if each.id not in self.answered]
        if open_ones:
            steps.append(partial(self._answer, self.rng.choice(open_ones)))
        return self.rng.choice(steps) if steps else None

    # Kills ------------------------------------------------------------------------------------

    def _kill_in_the_middle(self, method: str) -> None:
        def release() -> None:
            self.held.discard(method)
            (self.folder / f"hold.{method}").unlink()

        how = self.rng.choice(("child", "child", "worker", "everything"))
        if how == "child":
            self.did.append(f"kill the child in the middle of {method}")
            self.kills += 1
            release()
            with suppress(psutil.NoSuchProcess):  # it may have been killed already
                kill_all([psutil.Process(self.pids(method)[-1])])
        else:
            self._kill(how, f"in the middle of {method}", release)

    def _kill(self, how: str, when: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.did.append(f"kill {how} {when}")
        self.kills += 1
        if how == "children":
            kill_all(self.service.process("crews").children(recursive=True))
            return
        if how == "worker":
            self.service.kill_worker("crews")
        else:
            self.service.kill()
            self.service.start()
        meanwhile()
        self.service.lapse(self.execution_id)

    def _may_kill(self, when: str) -> None:
        if self.rng.random() < CHANCE_OF_A_KILL and self.kills < MOST_KILLS:
            self._kill(self.rng.choice(("children", "worker", "everything")), when)

    # Answers ----------------------------------------------------------------------------------

    def _answer(self, review: OpenReview) -> None:
        self._may_kill("while a review waits")
        path = f"{review.task_name}#{review.round}"
        how = self.rng.choice(
            ("once", "by its id as a task", "twice", "with a key", "race", "race")
        )
        self.did.append(f"answer {path} ({how})")
        self.answered.add(review.id)
        name = "task_id" if how == "by its id as a task" else "review_id"
        body = {"execution_id": self.execution_id, name: review.id, **self.flow.said(path).body}
        key = f"{self.execution_id} {path}"
        headers = {"Idempotency-Key": key} if how == "with a key" else {}
        racers = self.rng.randint(2, 5) if how == "race" else 1
        answers = self._at_once(racers, body, headers)
        taken = [each for each in answers if each.status_code == 200]
        if not taken and self._is_withdrawn(review.id):
            return
        assert len(taken) == 1, [each.text for each in answers]
        if how == "with a key":
            (again,) = self._at_once(1, body, headers)
            assert again.status_code == 200, again.text
            assert again.json() == taken[0].json()
        elif how == "twice":
            answers.extend(self._at_once(1, body, headers))
        for each in answers:
            if each is not taken[0]:
                assert each.status_code in (400, 409), each.text
                assert each.json()["winner"]["review_id"] == review.id
        self._may_kill("just after an answer")

    def _at_once(
        self, racers: int, body: dict[str, Any], headers: dict[str, str]
    ) -> list[requests.Response]:
        line = Barrier(racers)

        def answer(number: int) -> requests.Response:
            line.wait()
            return self._resume({**body, "reviewer": f"person {number}"}, headers=headers)

        with ThreadPoolExecutor(racers) as people:
            return list(people.map(answer, range(racers)))

    def _is_withdrawn(self, review_id: str) -> bool:
        """Whether its method lost a race before anybody answered."""
        review = self.call("GET", f"/v1/reviews/{review_id}").json()
        return bool(self.flow.races and review["state"] == "WITHDRAWN")

    def _resume(self, body: dict[str, Any], **more: Any) -> requests.Response:
        return self.call("POST", f"/crews/{self.flow.deployment}/resume", body, **more)

    def call(self, method: str, path: str, body: object = None, **more: Any) -> requests.Response:
        answer = self.service.call(method, path, body, **more)
        assert answer.status_code < 500, answer.text
        return answer

    # What bodies wrote --------------------------------------------------------------------------

    @property
    def lines(self) -> list[tuple[str, int, str, float]]:
        """The runs of bodies: method, process, id, time."""
        runs = self.folder / "runs"
        lines = runs.read_text().splitlines() if runs.exists() else []
        split = [line.split() for line in lines]
        return [(name, int(pid), run, float(at)) for name, pid, run, at in split]

    @property
    def runs(self) -> list[str]:
        return [name for name, *_ in self.lines]

    def pids(self, method: str) -> list[int]:
        return [pid for name, pid, *_ in self.lines if name == method]


def value(output: dict[str, Any]) -> Any:
    """The text or the data of an output."""
    return output.get("json", output.get("text"))


def paths(record: dict[str, Any], event: str) -> list[str]:
    return [each["details"]["step"] for each in record["timeline"] if each["event"] == event]


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_flow_that_nobody_thought_of(
    service: Service, one_process: OneProcess, tmp_path: Path, seed: int
) -> None:
    flow = make_flow(seed)
    attack = Attack(service, flow, tmp_path / "attacked")
    alone = tmp_path / "alone"
    for folder in (attack.folder, alone):
        folder.mkdir()
    inputs = {**attack.inputs, "folder": str(alone)}
    tries = [one_process.run(seed, inputs, chance=chance) for chance in range(3)]
    assert not any(each.stuck for each in tries)
    assert not flow.is_settled or all(each.ended == tries[0].ended for each in tries)
    called = sorted({path.partition("#")[0] for path in tries[0].called})
    attack.hold(attack.rng.sample(called, min(len(called), attack.rng.randint(1, 2))))
    record = attack.to_the_end()
    try:
        check(attack, record, one_process, alone, tries[0])
    except AssertionError as error:
        error.add_note("\n".join(map(str, (flow.source, *attack.did, *record["timeline"]))))
        raise


def check(
    attack: Attack,
    record: dict[str, Any],
    one_process: OneProcess,
    alone: Path,
    expected: Came,
) -> None:
    assert record["status"] == "completed", record.get("error")
    committed = {step["path"]: step for step in record["steps"]}
    order = paths(record, "step.commit")
    assert sorted(order) == sorted(committed), "each step is committed once"
    assert len(order) == len(set(order)) == len(record["steps"])
    came = the_same_in_one_process(attack, record, order, committed, one_process, alone)
    if attack.flow.is_settled:
        assert came.ended == expected.ended, "it is known beforehand what comes of it"
    the_reviews(record, came)
    the_bodies(attack, record, committed, came)


def the_same_in_one_process(
    attack: Attack,
    record: dict[str, Any],
    order: list[str],
    committed: dict[str, dict[str, Any]],
    one_process: OneProcess,
    alone: Path,
) -> Came:
    said = {
        f"{each['task_name']}#{each['round']}": (each.get("outcome"), each.get("feedback") or "")
        for each in record["reviews"]
        if each["state"] == "ANSWERED"
    }
    inputs = {**attack.inputs, "folder": str(alone)}
    came = one_process.run(attack.flow.seed, inputs, order=order, said=said)
    assert not came.stuck
    assert list(came.ended) == order
    texts = {path: told(value(step["output"])) for path, step in committed.items()}
    assert texts == came.ended
    assert told(value(record["result"])) == came.result
    return came


def the_reviews(record: dict[str, Any], came: Came) -> None:
    """Each has one answer; those of steps that lost a race may have none."""
    asked = Counter(f"{each['task_name']}#{each['round']}" for each in record["reviews"])
    assert set(asked.values()) <= {1}
    for each in record["reviews"]:
        lost = f"{each['task_name']}#{each['round']}" not in came.ended
        assert each["state"] == "ANSWERED" or (lost and each["state"] == "WITHDRAWN")
    entries = [each for each in record["timeline"] if each["event"] == "review.answer"]
    assert len({each["subject_id"] for each in entries}) == len(entries)


def the_bodies(
    attack: Attack, record: dict[str, Any], committed: dict[str, dict[str, Any]], came: Came
) -> None:
    """Each commit is of one run of the body, and others are there only because of kills."""
    ran = Counter(attack.runs)
    calls = Counter(path.partition("#")[0] for path in came.called)
    for name, number in ran.items():
        assert number <= calls[name] * (1 + attack.kills), f"{name} ran {number} times"
    methods = {run: name for name, _, run, _ in attack.lines}
    assert len(methods) == len(attack.lines)
    outputs = {
        path: each
        for path, step in committed.items()
        if isinstance(each := value(step["output"]), dict)
    }
    final = {path: each["run"] for path, each in outputs.items()}
    assert len(set(final.values())) == len(final), "no run of a body is committed twice"
    for path, run in final.items():
        assert methods[run] == path.partition("#")[0]
    given = {each["of"] for each in outputs.values()} - {None}
    assert given <= set(final.values()), "what was not committed is seen by nobody"
    nothing_ran_after_it_was_kept(attack, record, came)
    if attack.flow.one_by_one and set(came.called) == set(came.ended):
        every_write_counted_once(outputs)


def nothing_ran_after_it_was_kept(attack: Attack, record: dict[str, Any], came: Came) -> None:
    """A body begins before the last of its calls was committed, or a person was asked about it."""
    kept: dict[str, float] = {}
    reviews = {f"{each['task_name']}#{each['round']}": each for each in record["reviews"]}
    for step in record["steps"]:
        path = step["path"]
        at = reviews[path]["created_at"] if path in reviews else step["at"]
        name = path.partition("#")[0]
        kept[name] = max(kept.get(name, 0.0), moment(at))
    lost = {path.partition("#")[0] for path in set(came.called) - set(came.ended)}
    for name, _, _, at in attack.lines:
        assert name in lost or at <= kept[name], f"{name} ran again"


def every_write_counted_once(outputs: dict[str, dict[str, Any]]) -> None:
    """What a step wrote before it was left is undone: so no count is missing or made twice."""
    by_name: dict[str, list[int]] = {}
    for path, output in outputs.items():
        name = path.partition("#")[0]
        by_name.setdefault(name, []).append(output["counted"][name])
    for numbers in by_name.values():
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
    totals = [output["counted"]["all"] for output in outputs.values()]
    assert len(set(totals)) == len(totals)

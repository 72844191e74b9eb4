"""Two who want different things of one execution at one moment: one wins, and the other is told.

``RACES`` says how many races each test runs: ``make races`` has a thousand.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from databases import migrated_database
from world import World, plan_of, world_over

from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.domain.review import ReviewState
from orchestrator.domain.task_run import TaskRunState
from orchestrator.errors import AlreadyAnswered, AlreadyRead, CannotRewind, CannotStop, NotPending
from orchestrator.jobs import Job, run_task
from orchestrator.usecases.executions import publishing
from orchestrator.usecases.executions.fork import Fork, fork
from orchestrator.usecases.executions.history import committed_outputs
from orchestrator.usecases.executions.rewind import Rewind, rewind
from orchestrator.usecases.executions.stop import stop
from orchestrator.usecases.idempotency import IdempotencyKey
from orchestrator.usecases.reviews.answer import answer
from orchestrator.usecases.reviews.expire import expire_review
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.usecases.reviews.locked_review import Act
from orchestrator.usecases.reviews.take_back_words import TakeBack, take_back_words
from orchestrator.wire.requests import ForkBody, ResumeBody, parse

RACES = int(os.environ.get("RACES", "15"))
TASKS = ("research", "write?", "publish")
SECONDS = 60.0

pytestmark = [pytest.mark.timeout(180 + 5 * RACES), pytest.mark.xdist_group("races")]

Verb = Callable[..., str]


def decide(world: World, execution_id: str, approve: bool, key: str = "") -> str:  # noqa: FBT001 - sent to a process
    said = {"execution_id": execution_id, "task_id": "write", "is_approve": approve}
    body = parse(ResumeBody, said)
    try:
        given = Answer(
            "crew", body, "tests", "api", key=IdempotencyKey(key, "same") if key else None
        )
        answer(world.ports, given)
    except (AlreadyAnswered, NotPending):
        return "lost"
    return "approved" if approve else "rejected"


def let_expire(world: World, execution_id: str) -> str:
    (review,) = world.snapshot(execution_id).reviews
    return "expired" if expire_review(world.ports, review) else "lost"


def stop_it(world: World, execution_id: str) -> str:
    try:
        stop(world.ports, Scope.of("crew"), execution_id, "tests")
    except CannotStop:
        return "lost"
    return "stopped"


def take(world: World, job: Job) -> str:
    before = len(world.runner.chains)
    world.run(job)
    return "ran" if len(world.runner.chains) > before else "lost"


def go_back(world: World, execution_id: str, key: str = "") -> str:
    kept = IdempotencyKey(key, "same") if key else None
    try:
        told = rewind(world.ports, Rewind(execution_id, 1, "tests", key=kept))
    except CannotRewind:
        return "lost"
    return f"superseded {told['superseded']}"


def empty(world: World, execution_id: str) -> str:
    """What a purge does to an execution's outputs."""

    def decide(tx: Any) -> None:
        assert tx.executions.lock(execution_id)
        tx.outputs.purge(execution_id)
        tx.executions.purged(execution_id, tx.now())

    world.ports.store.transact(decide)
    return "purged"


def take_and_hear(world: World, job: Job) -> str:
    """What people's words added to the context of the task that the job ran."""
    world.run(job)
    return "|".join(world.runner.chains[-1].added_context())


def take_words_back(world: World, review_id: str) -> str:
    try:
        take_back_words(world.ports, TakeBack(Act(review_id, EVERYWHERE, "tests")))
    except AlreadyRead as late:
        return str(late.reader["task_run_id"])
    return "taken back"


class Racer:
    """What one who races has: a world of its own over the same database, and the line."""

    world: World
    line: Any


def get_ready(url: str, line: Any) -> None:
    Racer.world, Racer.line = world_over(url, plan_of(*TASKS)), line


def run_in_process(verb: Verb, arguments: tuple[Any, ...]) -> str:
    Racer.line.wait(SECONDS)
    return verb(Racer.world, *arguments)


class Arena:
    """Where two race: as threads of one process, or as processes."""

    def __init__(self, url: str, kind: str) -> None:
        self.world = world_over(url, plan_of(*TASKS))
        self._kind = kind
        self._pool: Executor
        if kind == "threads":
            self._line: Any = Barrier(2)
            self._others = [world_over(url, plan_of(*TASKS)) for _ in range(2)]
            self._pool = ThreadPoolExecutor(2)
        else:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(
                2, mp_context=context, initializer=get_ready, initargs=(url, context.Barrier(2))
            )

    def close(self) -> None:
        self._pool.shutdown()
        for world in (self.world, *getattr(self, "_others", ())):
            world.ports.store.dispose()

    def race(self, *racers: tuple[Any, ...]) -> list[str]:
        """Have both begin at one moment; gives what each came to."""
        both: list[Future[str]]
        if self._kind == "processes":
            both = [self._pool.submit(run_in_process, verb, rest) for verb, *rest in racers]
        else:
            both = [
                self._pool.submit(self._run, self._others[number], racer)
                for number, racer in enumerate(racers)
            ]
        return [each.result() for each in both]

    def _run(self, world: World, racer: tuple[Any, ...]) -> str:
        verb, *arguments = racer
        self._line.wait(SECONDS)
        return str(verb(world, *arguments))

    def decisions(self, execution_id: str) -> int:
        """How many transitions closed the execution's review, by its timeline."""
        closing = {"review.answer", "review.expire", "review.withdraw"}
        entries = self.world.ports.store.read(lambda tx: tx.timeline.of(execution_id))
        return sum(entry.event in closing for entry in entries)


@pytest.fixture(autouse=True)
def no_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody takes the jobs that follow from a race, and yet the next one is published at once."""
    monkeypatch.setattr(publishing, "LEAST_WINDOW", 1_000_000)


@pytest.fixture(scope="module", params=["threads", "processes"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def arena(
    request: pytest.FixtureRequest,
    kind: str,
    tmp_path_factory: pytest.TempPathFactory,
    template: Path,
) -> Iterator[Arena]:
    """One for all tests: a process takes a second to begin."""
    if request.param == "sqlite":
        file = tmp_path_factory.mktemp("arena") / "world.db"
        file.write_bytes(template.read_bytes())
        url = f"sqlite:///{file}"
    else:
        url = migrated_database(request.getfixturevalue("postgres_server"))
    arena = Arena(url, kind)
    yield arena
    arena.close()


def test_of_two_decisions_one_counts(arena: Arena) -> None:
    for _ in range(RACES):
        execution_id = arena.world.halted()
        came = arena.race((decide, execution_id, True), (decide, execution_id, False))
        assert came.count("lost") == 1
        (review,) = arena.world.snapshot(execution_id).reviews
        assert review.approved is ("approved" in came)
        assert arena.decisions(execution_id) == 1


def test_a_decision_or_a_deadline_counts(arena: Arena) -> None:
    for _ in range(RACES):
        execution_id = arena.world.halted()
        came = arena.race((decide, execution_id, True), (let_expire, execution_id))
        assert came.count("lost") == 1
        (review,) = arena.world.snapshot(execution_id).reviews
        state = ReviewState.ANSWERED if came[0] == "approved" else ReviewState.EXPIRED
        assert review.state is state
        assert arena.decisions(execution_id) == 1


def test_a_stop_ends_it_whatever_was_decided(arena: Arena) -> None:
    for _ in range(RACES):
        execution_id = arena.world.halted()
        _, stopped = arena.race((decide, execution_id, True), (stop_it, execution_id))
        assert stopped == "stopped"
        now = arena.world.snapshot(execution_id)
        assert now.execution.state.value == "STOPPED"
        assert not [
            run for run in now.runs if run.state in (TaskRunState.DUE, TaskRunState.RUNNING)
        ]
        assert arena.decisions(execution_id) == 1


def test_a_call_made_twice_under_one_key_decides_once_and_is_answered_alike(arena: Arena) -> None:
    for number in range(RACES):
        execution_id = arena.world.halted()
        call = (decide, execution_id, True, f"key {execution_id} {number}")
        assert arena.race(call, call) == ["approved", "approved"]
        assert arena.decisions(execution_id) == 1


def test_a_job_that_came_twice_is_taken_once(arena: Arena) -> None:
    for _ in range(RACES):
        execution_id = arena.world.kickoff()
        job = arena.world.jobs.pop()
        assert sorted(arena.race((take, job), (take, job))) == ["lost", "ran"]
        (first, *_) = arena.world.snapshot(execution_id).runs
        assert (first.state, first.attempts) == (TaskRunState.COMMITTED, 1)


def end(world: World, execution_id: str) -> None:
    """Work, and approve whatever is asked, to the end."""
    world.work()
    while pending := world.snapshot(execution_id).pending:
        world.answer(execution_id, pending[0].review.id, approve=True)
        world.jobs += [job for job in _jobs_of(world, execution_id) if job not in world.jobs]
        world.work()


def _jobs_of(world: World, execution_id: str) -> list[Job]:
    """The jobs of the runs that are due, whoever published them."""
    runs = world.snapshot(execution_id).runs
    due = [run for run in runs if run.state is TaskRunState.DUE]
    return [run_task(execution_id, run.id, resumes=run.resumes) for run in due]


def ends_well(world: World, execution_id: str) -> None:
    """What stands is what the committed runs put out, each task once; and so it ends."""
    world.jobs[:] = _jobs_of(world, execution_id)
    end(world, execution_id)
    now = world.snapshot(execution_id)
    assert now.execution.state is ExecutionState.SUCCEEDED
    final = {run.path: run.output_id for run in now.runs if run.state is TaskRunState.COMMITTED}
    assert committed_outputs(now.checkpoints) == final
    assert set(final) == {"research", "write", "publish"}


def test_a_decision_counts_before_a_rewind_or_not_at_all(arena: Arena) -> None:
    for _ in range(RACES):
        execution_id = arena.world.halted()
        decided, went = arena.race((decide, execution_id, True), (go_back, execution_id))
        assert (decided, went) in (
            ("approved", "superseded [2, 3, 4]"),
            ("lost", "superseded [2]"),
        )
        assert arena.decisions(execution_id) == 1
        (review,) = arena.world.snapshot(execution_id).reviews
        state = ReviewState.ANSWERED if decided == "approved" else ReviewState.WITHDRAWN
        assert review.state is state
        ends_well(arena.world, execution_id)
        assert len(arena.world.snapshot(execution_id).reviews) == 2


def test_a_step_that_runs_beside_a_rewind_is_taken_back_or_refused(arena: Arena) -> None:
    for _ in range(RACES):
        execution_id = arena.world.kickoff()
        arena.world.run(arena.world.jobs.pop())
        job = arena.world.jobs.pop()
        arena.race((take, job), (go_back, execution_id))
        now = arena.world.snapshot(execution_id)
        assert committed_outputs(now.checkpoints).keys() == {"research"}
        writes = [run.state for run in now.runs if run.path == "write"]
        assert writes == [TaskRunState.SUPERSEDED, TaskRunState.DUE]
        assert not now.pending
        ends_well(arena.world, execution_id)


def test_a_stop_is_for_good_whatever_is_rewound(arena: Arena) -> None:
    for _ in range(RACES):
        execution_id = arena.world.halted()
        stopped, _ = arena.race((stop_it, execution_id), (go_back, execution_id))
        assert stopped == "stopped"
        now = arena.world.snapshot(execution_id)
        assert now.execution.state is ExecutionState.STOPPED
        assert not [run for run in now.runs if run.is_open]


def test_a_rewind_sent_twice_under_one_key_is_one(arena: Arena) -> None:
    for number in range(RACES):
        execution_id = arena.world.halted()
        call = (go_back, execution_id, f"back {execution_id} {number}")
        assert arena.race(call, call) == ["superseded [2]"] * 2
        runs = arena.world.snapshot(execution_id).runs
        assert [run.round for run in runs if run.path == "write"] == [1, 2]


def test_of_two_who_shared_an_output_the_last_purge_takes_it(arena: Arena) -> None:
    for _ in range(RACES):
        first = arena.world.halted()
        asked = Fork(first, parse(ForkBody, {"checkpoint": 1}), "tests", "api")
        second = str(fork(arena.world.ports, asked)["execution_id"])
        ids = [each.output_id for each in arena.world.snapshot(first).checkpoints]
        arena.race((empty, first), (empty, second))
        found = arena.world.ports.store.read(lambda tx, ids=ids: tx.outputs.get(ids))
        assert {each.raw for each in found.values()} == {""}


def test_words_are_read_or_taken_back_and_never_both(arena: Arena) -> None:
    outcomes: Counter[str] = Counter()
    for number in range(RACES):
        execution_id = arena.world.halted()
        said = {"is_approve": number % 2 == 0, "human_feedback": "the secret"}
        told = arena.world.say(execution_id, "write", **said)
        (job,) = arena.world.jobs
        arena.world.jobs.clear()
        heard, taken = arena.race((take_and_hear, job), (take_words_back, str(told["review_id"])))
        was_read = taken != "taken back"
        assert ("the secret" in heard) is was_read
        (review, *_) = arena.world.snapshot(execution_id).reviews
        assert (review.words, review.read_by) == (
            ("the secret", taken) if was_read else (None, None)
        )
        outcomes["read" if was_read else "taken back"] += 1
    print(dict(outcomes))  # noqa: T201 - pytest -rP shows how the races came out

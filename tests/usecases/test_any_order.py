"""Whatever comes in whatever order, twice, never or late: the invariants hold, and all ends."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import time_machine
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from world import WorkerDied, World, make_world, plan_of

from orchestrator.domain.execution import EXECUTION, ExecutionState
from orchestrator.domain.machine import Machine
from orchestrator.domain.permission import Scope
from orchestrator.domain.review import REVIEW
from orchestrator.domain.task_run import TASK_RUN, TaskRunState
from orchestrator.errors import AlreadyAnswered, CannotRewind, CannotStop, Invalid, NotPending
from orchestrator.usecases.executions.claims import give_back_claims
from orchestrator.usecases.executions.history import committed_outputs
from orchestrator.usecases.executions.rewind import Rewind, rewind
from orchestrator.usecases.executions.snapshot import Snapshot, timeline
from orchestrator.usecases.executions.stop import stop
from orchestrator.usecases.operations.sweep import sweep

MACHINES: dict[str, Machine[Any]] = {
    "execution": EXECUTION,
    "task_run": TASK_RUN,
    "review": REVIEW,
}
BEGINNINGS = {"create", "open"}


class AnyOrder(RuleBasedStateMachine):
    """One execution of a crew with reviews and parallel tasks, pushed about."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.time = time_machine.travel(datetime.now(UTC), tick=False)
        self.traveller = self.time.start()
        tasks = plan_of("research", "~left?", "~right", "write?")
        self.world: World = make_world(
            Path(self.folder.name), self.template, tasks, max_attempts=1_000
        )
        self.execution_id = self.world.kickoff()
        self.committed_at: dict[str, int] = {}

    def teardown(self) -> None:
        self.finish()
        self.world.ports.store.dispose()
        self.time.stop()
        self.folder.cleanup()

    @property
    def now(self) -> Snapshot:
        return self.world.snapshot(self.execution_id)

    @precondition(lambda self: self.world.jobs)
    @rule(data=st.data(), again=st.booleans())
    def a_worker_takes_a_job(self, data: st.DataObject, *, again: bool) -> None:
        index = data.draw(st.integers(0, len(self.world.jobs) - 1))
        job = self.world.jobs[index] if again else self.world.jobs.pop(index)
        self.world.run(job)

    @precondition(lambda self: self.world.jobs)
    @rule(data=st.data())
    def a_worker_dies_of_a_job(self, data: st.DataObject) -> None:
        job = self.world.jobs.pop(data.draw(st.integers(0, len(self.world.jobs) - 1)))
        with self.behaving(WorkerDied()), suppress(WorkerDied):
            self.world.run(job)

    @precondition(lambda self: self.world.jobs)
    @rule()
    def a_task_raises(self) -> None:
        with self.behaving(RuntimeError("no")):
            self.world.run(self.world.jobs.pop())

    @rule()
    def the_broker_loses_everything(self) -> None:
        self.world.jobs.clear()

    @rule(seconds=st.sampled_from([1, 31, 61, 1_000]))
    def time_passes_and_the_sweep_runs(self, seconds: int) -> None:
        self.traveller.shift(seconds)
        sweep(self.world.ports)

    @rule()
    def a_lease_passes_in_the_sight_of_a_sweep(self) -> None:
        for _ in range(5):
            self.traveller.shift(8)
            sweep(self.world.ports)

    @rule()
    def a_worker_shuts_down(self) -> None:
        give_back_claims(self.world.ports, "w-1")

    @rule(task=st.sampled_from(["left", "write"]), approve=st.booleans())
    def somebody_answers(self, task: str, *, approve: bool) -> None:
        was_open = any(each.review.task_name == task for each in self.now.pending)
        try:
            self.world.answer(self.execution_id, task, approve=approve, words="words")
        except NotPending:
            assert not was_open
        else:
            assert was_open

    @rule(data=st.data())
    def somebody_answers_an_old_review(self, data: st.DataObject) -> None:
        closed = [review.id for review in self.now.reviews if not review.is_open]
        if closed:
            with pytest.raises(AlreadyAnswered):
                self.world.answer(
                    self.execution_id, data.draw(st.sampled_from(closed)), approve=True
                )

    @rule(really=st.integers(0, 15))
    def somebody_stops_it(self, really: int) -> None:
        if really == 0:
            with suppress(CannotStop):
                stop(self.world.ports, Scope.of("crew"), self.execution_id, "tests")

    @rule(data=st.data(), really=st.integers(0, 3))
    def somebody_rewinds_it(self, data: st.DataObject, really: int) -> None:
        if really:
            return
        numbers = [each.number for each in self.now.checkpoints]
        number = data.draw(st.sampled_from([0, *numbers]))
        with suppress(CannotRewind):
            rewind(self.world.ports, Rewind(self.execution_id, number, "tests"))
            self.what_was_taken_back_may_run_again()

    @rule(task=st.sampled_from(["research", "right"]))
    def a_reviewer_sends_it_back(self, task: str) -> None:
        was = {each.path for each in self.now.committed}
        said = {"is_approve": False, "human_feedback": "words", "rework_from": task}
        with suppress(NotPending, Invalid):
            self.world.say(self.execution_id, "write", **said)
            follow = set(self.world.runner.the_plan.followers(task))
            assert {each.path for each in self.now.committed} == was - follow
            self.what_was_taken_back_may_run_again()

    def what_was_taken_back_may_run_again(self) -> None:
        left = {each.path for each in self.now.committed}
        self.committed_at = {path: at for path, at in self.committed_at.items() if path in left}

    @invariant()
    def it_is_pending_if_and_only_if_a_review_is_open(self) -> None:
        pending = self.now.execution.state is ExecutionState.PENDING_HUMAN_INPUT
        assert pending == bool(self.now.pending)

    @invariant()
    def a_committed_task_never_runs_again(self) -> None:
        runs = Counter(chain.path for chain in self.world.runner.chains)
        for done in self.now.committed:
            runs_now = runs[done.path]
            assert runs_now == self.committed_at.setdefault(done.path, runs_now)

    @invariant()
    def each_task_has_one_committed_run_at_most(self) -> None:
        final = [run.path for run in self.now.runs if run.state is TaskRunState.COMMITTED]
        assert len(final) == len(set(final))

    @invariant()
    def the_checkpoints_have_all_that_is_committed(self) -> None:
        final = {r.path: r.output_id for r in self.now.runs if r.state == TaskRunState.COMMITTED}
        assert committed_outputs(self.now.checkpoints) == final

    @invariant()
    def every_step_of_the_timeline_is_an_edge_of_its_machine(self) -> None:
        states: dict[str, Any] = {}
        for entry in timeline(self.world.ports, self.execution_id)[1]:
            noun, transition = entry.event.split(".")
            machine = MACHINES[noun]
            if transition in BEGINNINGS:
                states[entry.subject_id] = machine.initial
            else:
                states[entry.subject_id] = machine.follow(transition, states[entry.subject_id])

    def finish(self) -> None:
        """With workers, sweeps and an approving person, it ends."""
        for _ in range(200):
            if not self.now.execution.is_open:
                return
            self.traveller.shift(1_000)
            self.a_lease_passes_in_the_sight_of_a_sweep()
            self.traveller.shift(31)  # the longest backoff
            sweep(self.world.ports)
            self.world.work()
            for each in self.now.pending:
                self.world.answer(self.execution_id, each.review.id, approve=True)
        raise AssertionError(f"still {self.now.execution.state}")

    @contextmanager
    def behaving(self, error: BaseException) -> Iterator[None]:
        self.world.runner.behaviour = error
        try:
            yield
        finally:
            self.world.runner.behaviour = None


def test_the_invariants_hold_in_any_order(template: Path) -> None:
    machine = type("AnyOrder", (AnyOrder,), {"template": template})
    some = settings(
        max_examples=25,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=some)

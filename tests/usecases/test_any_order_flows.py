"""Flows in whatever order things come, twice, never or late: the invariants hold, and all ends."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import hypothesis.strategies as st
import pytest
import time_machine
import user_flows
from function_flow_world import Watch, flow_over
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from world import WorkerDied, World

from orchestrator.domain.execution import ExecutionState
from orchestrator.errors import AlreadyAnswered, CannotRewind, NotPending
from orchestrator.usecases.executions.rewind import Rewind, rewind
from orchestrator.usecases.executions.snapshot import Snapshot, timeline
from orchestrator.usecases.operations.sweep import sweep

SAID = {
    "review": ({"outcome": "go"}, {"outcome": "revise"}),
    "left": ({"outcome": "left_ok"},),
    "right": ({"human_feedback": "nice"}, {"human_feedback": "not nice"}),
}
"""What people say of each review; the last of ``review`` begins another round."""


class AnyOrder(RuleBasedStateMachine):
    """One execution of a flow, pushed about."""

    template: Path
    flow: str

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.time = time_machine.travel(datetime.now(UTC), tick=False)
        self.traveller = self.time.start()
        file = Path(self.folder.name) / "flow.db"
        shutil.copy(self.template, file)
        self.world: World = flow_over(f"sqlite:///{file}", self.flow, max_attempts=1_000)
        self.execution_id = self.world.kickoff()
        self.began: Counter[str] = Counter()
        self.began_when_committed: dict[str, int] = {}
        self.decided: dict[str, object] = {}
        self.watch(self.note)

    def teardown(self) -> None:
        self.finish()
        self.world.ports.store.dispose()
        self.time.stop()
        self.folder.cleanup()

    @property
    def now(self) -> Snapshot:
        return self.world.snapshot(self.execution_id)

    def watch(self, watch: Watch) -> None:
        self.world.runner.watch = watch

    def note(self, act: str, path: str) -> None:
        self.began[path] += act == "begin"

    @precondition(lambda self: self.world.jobs)
    @rule(data=st.data(), again=st.booleans())
    def a_worker_takes_a_job(self, data: st.DataObject, *, again: bool) -> None:
        index = data.draw(st.integers(0, len(self.world.jobs) - 1))
        self.world.run(self.world.jobs[index] if again else self.world.jobs.pop(index))

    @precondition(lambda self: self.world.jobs)
    @rule(fatal=st.integers(0, 6))
    def a_worker_dies_of_a_job(self, fatal: int) -> None:
        left = [fatal]

        def dies(act: str, path: str) -> None:
            self.note(act, path)
            left[0] -= 1
            if left[0] < 0:
                raise WorkerDied

        self.watch(dies)
        with suppress(WorkerDied):
            self.world.run(self.world.jobs.pop(0))
        self.watch(self.note)

    @precondition(lambda self: self.world.jobs)
    @rule(data=st.data())
    def somebody_answers_while_it_runs(self, data: st.DataObject) -> None:
        def answers(act: str, path: str) -> None:
            self.note(act, path)
            self.watch(self.note)
            self.somebody_answers(data)

        self.watch(answers)
        self.world.run(self.world.jobs.pop(0))
        self.watch(self.note)

    @rule()
    def the_broker_loses_everything(self) -> None:
        self.world.jobs.clear()

    @rule(seconds=st.sampled_from([1, 61, 1_000]))
    def time_passes_and_the_sweep_runs(self, seconds: int) -> None:
        self.traveller.shift(seconds)
        sweep(self.world.ports)

    @rule()
    def a_lease_passes_in_the_sight_of_a_sweep(self) -> None:
        for _ in range(5):
            self.traveller.shift(8)
            sweep(self.world.ports)

    @rule(data=st.data())
    def somebody_answers(self, data: st.DataObject) -> None:
        pending = [each.review for each in self.now.pending]
        if pending:
            review = data.draw(st.sampled_from(pending))
            said = data.draw(st.sampled_from(SAID[review.task_name]))
            self.world.say(self.execution_id, review.id, **said)

    @rule(data=st.data())
    def somebody_answers_an_old_review(self, data: st.DataObject) -> None:
        closed = [review for review in self.now.reviews if not review.is_open]
        if closed:
            review = data.draw(st.sampled_from(closed))
            with pytest.raises((AlreadyAnswered, NotPending)):
                self.world.say(self.execution_id, review.id, **SAID[review.task_name][-1])

    @rule(data=st.data(), really=st.integers(0, 3))
    def somebody_rewinds_it(self, data: st.DataObject, really: int) -> None:
        if really:
            return
        numbers = [each.number for each in self.now.checkpoints]
        number = data.draw(st.sampled_from([0, *numbers]))
        with suppress(CannotRewind):
            rewind(self.world.ports, Rewind(self.execution_id, number, "tests"))
            left = {step.path for step in self.now.committed}
            kept = {path: n for path, n in self.began_when_committed.items() if path in left}
            self.began_when_committed = kept

    @invariant()
    def a_committed_step_never_runs_again(self) -> None:
        for step in self.now.committed:
            began = self.began[step.path]
            assert began == self.began_when_committed.setdefault(step.path, began)

    @invariant()
    def a_step_is_committed_once(self) -> None:
        final = [step.path for step in self.now.committed]
        assert len(final) == len(set(final))

    @invariant()
    def a_review_has_one_decision(self) -> None:
        for review in self.now.reviews:
            if not review.is_open:
                decision = (review.outcome, review.words, review.closed_at)
                assert decision == self.decided.setdefault(review.id, decision)
        entries = timeline(self.world.ports, self.execution_id)[1]
        answered = [each.subject_id for each in entries if each.event == "review.answer"]
        assert len(answered) == len(set(answered))

    @invariant()
    def one_review_is_open_for_a_step(self) -> None:
        asked = [each.review.path for each in self.now.pending]
        assert len(asked) == len(set(asked))

    @invariant()
    def one_run_of_it_is_open(self) -> None:
        assert sum(run.is_open for run in self.now.runs) <= 1

    def finish(self) -> None:
        """With workers, sweeps and people who agree, it ends well."""
        for _ in range(20):
            if not self.now.execution.is_open:
                break
            self.traveller.shift(1_000)
            self.a_lease_passes_in_the_sight_of_a_sweep()
            self.traveller.shift(31)  # the longest backoff
            sweep(self.world.ports)
            self.world.work()
            for each in self.now.pending:
                said = SAID[each.review.task_name][0]
                self.world.say(self.execution_id, each.review.id, **said)
        assert self.now.execution.state is ExecutionState.SUCCEEDED
        self.a_committed_step_never_runs_again()


@pytest.mark.parametrize("flow", ["loop", "two_reviews"])
def test_the_invariants_hold_in_any_order(template: Path, flow: str) -> None:
    user_flows.FAILING.clear()
    machine = type("AnyOrder", (AnyOrder,), {"template": template, "flow": flow})
    some = settings(
        max_examples=4,
        stateful_step_count=12,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=some)

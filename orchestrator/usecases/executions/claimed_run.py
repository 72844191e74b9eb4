"""What a runner may do while it runs: commit steps, ask people. Each is fenced by the claim."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.checkpoint import Cause, inside
from orchestrator.domain.output import Output
from orchestrator.domain.question import Question
from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.timeline import worker_actor
from orchestrator.domain.usage import added_up
from orchestrator.domain.webhooks import WebhookKind
from orchestrator.ports import AgentStep, Ports, StepWatch, Transaction
from orchestrator.usecases.executions.advance import carry_on_unless_asked
from orchestrator.usecases.executions.call_journal import ClaimedJournal
from orchestrator.usecases.executions.claims import require_claim
from orchestrator.usecases.executions.journal_notes import Line
from orchestrator.usecases.executions.locked_execution import LockedExecution, lock_execution
from orchestrator.usecases.outage import retry_through_outage
from orchestrator.usecases.reviews.open import ask_person
from orchestrator.wire import webhooks as webhook_bodies

Write: TypeAlias = Callable[[LockedExecution, TaskRun], TaskRun]
"""A write of a claimed run, which it returns as it is then. After a rollback it is done again."""


class ClaimedRun:
    """Keeps ``ports.RunContext`` for one claim of a task run."""

    def __init__(
        self,
        ports: Ports,
        worker: str,
        run: TaskRun,
        watch: StepWatch,
        journal: ClaimedJournal | None = None,
    ) -> None:
        self._ports = ports
        self._actor = worker_actor(worker)
        self._run = run
        self._as_written = run
        self._watch = watch
        self._journal = journal
        self._waiting: Write | None = None
        self._taking = threading.Lock()

    @property
    def journal(self) -> ClaimedJournal | None:
        """The journal of the calls of models and tools; None where the deployment has none."""
        return self._journal

    def _leave_step(self, path: str) -> list[Line]:
        """The step at a path has ended, or will be run in a later round: its calls are no use."""
        return [] if self._journal is None else self._journal.end_step(path)

    def _purge_calls(
        self, locked: LockedExecution, run: TaskRun, path: str, notes: Sequence[Line]
    ) -> JsonObject:
        """Returns the tokens that they cost."""
        spent = {} if self._journal is None else self._journal.purge(locked.tx, run, path)
        for note in notes:
            note.write(locked, run)
        return spent

    def check(self) -> None:
        """Raise ClaimLost when the run was stopped or its claim was lost."""
        self._watch.check()

    def step(self, step: AgentStep) -> None:
        """Tell of one thought or tool call of an agent."""
        self._watch.step(step)

    def event(self, kind: str, data: Callable[[], JsonObject]) -> None:
        """Tell of one event of the runner's own bus."""
        self._watch.event(kind, data)

    def begin(self, path: str) -> None:
        """A step begins: it has the time limit from now on, and what came before is written."""
        self.write_waiting()
        self._watch.begin(path)

    def leave(self, path: str) -> None:
        """The body of a step is left: it has no time limit any more."""
        self._watch.end(path)

    def commit(
        self,
        path: str,
        output: Output,
        state: JsonObject | None = None,
        usage: Mapping[str, int] | None = None,
        seconds: float | None = None,
        *,
        may_wait: bool = False,
    ) -> None:
        """A step's output is final. The next one has all its attempts."""
        self._watch.end(path)
        notes = self._leave_step(path)

        def write(locked: LockedExecution, run: TaskRun) -> TaskRun:
            spent = self._purge_calls(locked, run, path, notes)
            output_id = locked.store_output(output)
            checkpoint = locked.checkpoint(
                Cause.COMMIT,
                path,
                output_id=output_id,
                state=state,
                usage=dict(usage or spent),
                seconds=seconds,
            )
            after = run.advanced().paid(spent)
            saved = run if after is run else locked.tx.task_runs.save(run, after)
            locked.record("step.commit", run.id, step=path)
            body = webhook_bodies.task_body(path, checkpoint.name, output, seconds)
            locked.announce(WebhookKind.TASK, body)
            return saved

        self._write(write, may_wait=may_wait)

    def ask(
        self,
        question: Question,
        output: Output,
        state: JsonObject | None = None,
        *,
        may_wait: bool = False,
    ) -> None:
        """Ask a person about a step's output."""
        self._watch.end(question.path)
        notes = self._leave_step(question.path)

        def write(locked: LockedExecution, run: TaskRun) -> TaskRun:
            spent = self._purge_calls(locked, run, question.path, notes)
            output_id = locked.store_output(output)
            within = inside(locked.checkpoints, question.path)
            cost = added_up([spent, *(each.usage for each in within)])
            ask_person(locked, run, question, output_id, output, state, spent=cost)
            return locked.tx.task_runs.save(run, run.paid(spent)) if spent else run

        self._write(write, may_wait=may_wait)

    def cut(self, path: str) -> None:
        """Withdraw what a person was asked about a step that lost a race."""
        self._watch.end(path)

        def write(locked: LockedExecution, run: TaskRun) -> TaskRun:
            reviews = locked.reviews
            for review in reviews:
                if review.is_open and review.path == path:
                    locked.withdraw_review(review, cut=True)
            locked.checkpoint(Cause.CUT, path)
            locked.record("step.cut", run.id, step=path)
            others = [each for each in reviews if each.path != path]
            carry_on_unless_asked(locked, others)
            return run

        self._write(write, may_wait=False)

    def write_waiting(self) -> None:
        """Write what waits for the next write. Raises what that would have raised."""
        if waiting := self.take_waiting():
            self.write(waiting)

    def write(self, *writes: Write) -> None:
        """Write these in one transaction, for as long as the database may take to come back.

        It may have taken a try of which nobody heard the end: then that one's checkpoints stand.
        """

        def work(tx: Transaction) -> None:
            locked = lock_execution(self._ports, tx, self._run.execution_id, self._actor)
            run = require_claim(locked, self._run)
            if not tried or tried.isdisjoint(each.id for each in locked.all_checkpoints):
                for write in writes:
                    run = write(locked, run)
                tried.update(each.id for each in locked.written)
                locked.close()
            written.append(run)

        tried: set[str] = set()
        written: list[TaskRun] = []
        retry_through_outage(lambda: self._ports.store.transact(work))
        self._as_written = written[-1]

    @property
    def as_written(self) -> TaskRun:
        """The run as it was last written here."""
        return self._as_written

    def take_waiting(self) -> Write | None:
        """What waits for the next write: whoever takes it writes it, with theirs."""
        with self._taking:
            waiting, self._waiting = self._waiting, None
        return waiting

    def _write(self, write: Write, *, may_wait: bool) -> None:
        if not may_wait:
            waiting = self.take_waiting()
            self.write(*filter(None, (waiting, write)))
            return
        self.write_waiting()
        with self._taking:
            self._waiting = write

"""What a runner may do while it runs: commit steps, ask people. Each is fenced by the claim."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.checkpoint import Cause, inside
from orchestrator.domain.output import Output
from orchestrator.domain.question import Question
from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.timeline import worker_actor
from orchestrator.domain.webhooks import WebhookKind
from orchestrator.ports import Ports, Step, StepWatch, Transaction
from orchestrator.usecases.executions.advance import carry_on_unless_asked
from orchestrator.usecases.executions.call_journal import ClaimedJournal
from orchestrator.usecases.executions.claims import still_held
from orchestrator.usecases.executions.journal_notes import Line
from orchestrator.usecases.executions.journal_rows import added_up
from orchestrator.usecases.executions.locked_execution import LockedExecution, lock_execution
from orchestrator.usecases.outage import retry_through_outage
from orchestrator.usecases.reviews.open import ask_person
from orchestrator.wire import webhooks as webhook_bodies

T = TypeVar("T")


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
        self._watch = watch
        self._journal = journal

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

    def step(self, step: Step) -> None:
        """Tell of one thought or tool call of an agent."""
        self._watch.step(step)

    def event(self, kind: str, data: Callable[[], JsonObject]) -> None:
        """Tell of one event of the runner's own bus."""
        self._watch.event(kind, data)

    def begin(self, path: str) -> None:
        """A step begins: it has the time limit from now on."""
        self._watch.begin(path)

    def commit(
        self,
        path: str,
        output: Output,
        state: JsonObject | None = None,
        usage: Mapping[str, int] | None = None,
        seconds: float | None = None,
    ) -> None:
        """A step's output is final. The next one has all its attempts."""
        self._watch.end(path)
        notes = self._leave_step(path)

        def decide(locked: LockedExecution, run: TaskRun) -> None:
            spent = self._purge_calls(locked, run, path, notes)
            output_id = self._ports.ids.new()
            locked.tx.outputs.add(output_id, run.execution_id, output, locked.now)
            checkpoint = locked.checkpoint(
                Cause.COMMIT,
                path,
                output_id=output_id,
                state=state,
                usage=dict(usage or spent),
                seconds=seconds,
            )
            if run.attempts > 1:
                locked.tx.task_runs.save(run, run.advanced())
            locked.record("step.commit", run.id, None, step=path)
            body = webhook_bodies.task_body(path, checkpoint.name, output, seconds)
            locked.announce(WebhookKind.TASK, body)

        self._write(decide)

    def ask(self, question: Question, output: Output, state: JsonObject | None = None) -> str:
        """Ask a person about a step's output; returns the id of the review."""
        self._watch.end(question.path)
        notes = self._leave_step(question.path)

        def decide(locked: LockedExecution, run: TaskRun) -> str:
            spent = self._purge_calls(locked, run, question.path, notes)
            output_id = self._ports.ids.new()
            locked.tx.outputs.add(output_id, run.execution_id, output, locked.now)
            within = inside(locked.checkpoints, question.path)
            cost = added_up([spent, *(each.usage for each in within)])
            return ask_person(locked, run, question, output_id, output, state, spent=cost).id

        return self._write(decide)

    def cut(self, path: str) -> None:
        """Withdraw what a person was asked about a step that lost a race."""
        self._watch.end(path)

        def decide(locked: LockedExecution, _run: TaskRun) -> None:
            reviews = locked.tx.reviews.of(locked.execution.id)
            for review in reviews:
                if review.is_open and review.path == path:
                    withdrawn = review.withdraw(locked.now, self._actor)
                    locked.save_review("withdraw", review, withdrawn, cut=True)
            locked.checkpoint(Cause.CUT, path)
            locked.record("step.cut", self._run.id, None, step=path)
            others = [each for each in reviews if each.path != path]
            carry_on_unless_asked(locked, others)

        self._write(decide)

    def _write(self, decide: Callable[[LockedExecution, TaskRun], T]) -> T:
        """Do it in one transaction, for as long as the database may take to come back."""

        def work(tx: Transaction) -> T:
            locked = lock_execution(self._ports, tx, self._run.execution_id, self._actor)
            result = decide(locked, still_held(locked, self._run))
            locked.close()
            return result

        return retry_through_outage(lambda: self._ports.store.transact(work))

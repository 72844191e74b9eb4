"""The rows of the journal of one claim: nothing is written once the claim is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from orchestrator.domain.calls import RecordedCall
from orchestrator.domain.canonical import Json, JsonObject
from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.usage import added_up
from orchestrator.errors import ClaimLost
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.claims import require_claim
from orchestrator.usecases.executions.journal_notes import Line
from orchestrator.usecases.executions.locked_execution import LockedExecution, lock_execution
from orchestrator.usecases.outage import retry_through_outage

T = TypeVar("T")


def spent_in(tx: Transaction, run: TaskRun, step: str) -> JsonObject:
    """The tokens of the calls of a step, and of what is inside it, before they are purged.

    Those of all attempts: what was served to a later one was paid for by an earlier one.
    """
    calls = tx.calls.of(run)
    return added_up(c.usage for c in calls if c.step == step or c.step.startswith(f"{step}/"))


class JournalRows:
    """Reads and writes for one claim, for as long as the database may take to come back.

    ``wrote`` says that something may have been written. All of it raises ClaimLost.
    """

    def __init__(self, ports: Ports, actor: str, run: TaskRun) -> None:
        self._ports = ports
        self._actor = actor
        self._run = run
        self.wrote = False

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Do what only reads."""
        return retry_through_outage(lambda: self._ports.store.read(work))

    def write(self, work: Callable[[Transaction], object]) -> None:
        """Write what concerns the claim alone."""

        def fenced(tx: Transaction) -> None:
            if not tx.task_runs.fence(self._run.id, self._run.claim_no):
                raise ClaimLost
            work(tx)

        self._transact(fenced)

    def add(self, line: RecordedCall) -> None:
        """Write a call as it begins."""
        self.write(self._adding(line, None))

    def write_locked(self, work: Callable[[LockedExecution, TaskRun], object]) -> None:
        """Write what changes the execution too, with the run as it is now."""

        def locking(tx: Transaction) -> None:
            locked = lock_execution(self._ports, tx, self._run.execution_id, self._actor)
            work(locked, require_claim(locked, self._run))
            locked.close()

        self._transact(locking)

    def record(
        self, line: RecordedCall | None, answer: Json, notes: Sequence[Line], *, begun: bool = False
    ) -> None:
        """Write a call with its answer, over what was written as it began; and what is noted."""
        add = self._adding(line, answer) if line is not None and not begun else None

        def work(tx: Transaction) -> None:
            locked = None
            if notes:  # the execution's row is locked before the run's, as everywhere
                locked = lock_execution(self._ports, tx, self._run.execution_id, self._actor)
            if not tx.task_runs.fence(self._run.id, self._run.claim_no):
                raise ClaimLost
            if add is not None and not add(tx):
                return
            if line is not None and begun:
                tx.calls.save(self._run, line, answer)
            if locked is not None:
                for note in notes:
                    note.write(locked, self._run)
                locked.close()

        self._transact(work)

    def _adding(self, line: RecordedCall, answer: Json) -> Callable[[Transaction], bool]:
        """Adds the call; False where an earlier try has, of which nobody heard the end."""
        tried = False

        def add(tx: Transaction) -> bool:
            nonlocal tried
            if tried and any(call.number == line.number for call in tx.calls.of(self._run)):
                return False
            tried = True
            tx.calls.add(self._run, line, answer)
            return True

        return add

    def _transact(self, work: Callable[[Transaction], None]) -> None:
        self.wrote = True
        retry_through_outage(lambda: self._ports.store.transact(work))

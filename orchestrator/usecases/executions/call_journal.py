"""The journal of one claim: serves the calls that earlier attempts made, and records new ones."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from orchestrator.domain.calls import (
    AskedCall,
    CallKind,
    OnceRules,
    RecordedCall,
    Served,
    StepCalls,
)
from orchestrator.domain.canonical import Json, encode
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.output import LIMIT
from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.timeline import worker_actor
from orchestrator.errors import FOREIGN, ClaimLost, TaskFailed, Unreadable, cause
from orchestrator.ports import LiveCall, Ports, ServedAnswer, Transaction
from orchestrator.usecases.executions.claims import still_held
from orchestrator.usecases.executions.journal_notes import Note, saved_by
from orchestrator.usecases.executions.locked_execution import lock_execution
from orchestrator.usecases.outage import retry_through_outage

T = TypeVar("T")


class ClaimedJournal:
    """Keeps ``ports.CallJournal`` for one claim of a task run."""

    def __init__(self, ports: Ports, actor: str, run: TaskRun, once: OnceRules) -> None:
        self._ports = ports
        self._actor = actor
        self._run = run
        self._once = once
        self._lock = threading.RLock()
        self._steps: dict[str, StepCalls] | None = None
        self._recorded: list[RecordedCall] = []
        self._number = 0
        self._ended: list[Served] = []
        self.is_open = True

    # Calls --------------------------------------------------------------------------------------

    def ask(self, asked: AskedCall, decode: Callable[[Json], object]) -> ServedAnswer | LiveCall:
        """Say whether a call has an answer already."""
        once = asked.kind is CallKind.TOOL and self._once.cover(asked.name)
        with self._lock:
            step = self._step(asked.step)
            if asked.unstorable:
                return self._not_journalled(step, asked, once=once)
            found = step.find(asked, once=once)
            live = LiveCall(asked, step.made, self._next_number() if once else None)
        if found is not None:
            served = self._serve(step, found, live, decode)
            if served is not None:
                return served
        if live.number is not None:
            begun = replace(_line(live, live.number, {}), ended=False)
            self._write(lambda tx: tx.calls.add(self._run, begun))
        return live

    def _serve(
        self,
        step: StepCalls,
        found: RecordedCall,
        live: LiveCall,
        decode: Callable[[Json], object],
    ) -> ServedAnswer | None:
        """The recorded answer; None where it cannot be read any more, and has to be asked anew."""
        try:
            answer = self._read(lambda tx: tx.calls.answer(self._run, found.number))
            value = decode(answer)
        except (Unreadable, ValueError) as error:
            why = f"the recorded answer of '{found.name}' cannot be read: {cause(error)}"
            if live.number is not None:
                raise TaskFailed(why, retryable=False) from error
            with self._lock:
                step.miss(live.made, why)
            return None
        with self._lock:
            step.serve(found)
        return ServedAnswer(value)

    def answered(
        self, call: LiveCall, answer: Json, usage: Mapping[str, int], unstorable: str = ""
    ) -> None:
        """Record the answer of a call, and the tokens that it cost."""
        why = call.asked.unstorable or unstorable or _too_large(answer)
        with self._lock:
            step = self._step(call.asked.step)
            step.failed_last = False
            note = step.ended(call.made)
            was_closed, step.closed = step.closed, step.closed or bool(why)
            number = call.number or (None if was_closed else self._next_number())
        notes = [] if note is None else [self._served(call.asked.step, step, note)]
        if why and not was_closed:
            made = f"call {call.made} ({call.asked.name})"
            text = f"{made} is not journalled, nor is what follows: {why}"
            notes.append(Note(call.asked.step, "journal.end", text, step.served))
        if number is not None:
            line = replace(_line(call, number, usage), note=why or None)
            self._save(line, None if why else answer, notes, begun=call.number is not None)
        elif notes:
            self._save(None, None, notes)

    def failed(self, call: LiveCall) -> None:
        """A call raised: that is no answer, and it is made again."""
        with self._lock:
            step = self._step(call.asked.step)
            step.failed_last = True
            note = step.ended(call.made)
        if call.number is not None:
            numbers = [call.number]
            self._write(lambda tx: tx.calls.drop(self._run, numbers))
        if note is not None:
            self._save(None, None, [self._served(call.asked.step, step, note)])

    def served_usage(self) -> Mapping[str, int]:
        """The tokens of all that was served in this attempt."""
        with self._lock:
            total: Counter[str] = Counter()
            for served in self._all_served():
                total.update(served.usage)
            return total

    def _not_journalled(self, step: StepCalls, asked: AskedCall, *, once: bool) -> LiveCall:
        """What is asked has no digest: it is made, and the journal of the step ends with it."""
        if once:
            message = f"'{asked.name}' runs once, and what it is given {asked.unstorable}"
            raise TaskFailed(message, retryable=False)
        made = step.made_unseen(asked, asked.unstorable)
        return LiveCall(asked, made)

    # Ends ---------------------------------------------------------------------------------------

    def end_step(self, path: str) -> list[Note]:
        """A step, and all inside it, needs its calls no more; returns what there is to note."""
        with self._lock:
            return [self._served(name, step, note) for name, step, note in self._leave(path)]

    def _leave(self, path: str) -> list[tuple[str, StepCalls, str]]:
        steps = self._steps or {}
        over = [name for name in steps if name == path or name.startswith(f"{path}/")]
        left = [(name, steps.pop(name)) for name in over]
        self._ended.extend(step.served for _, step in left)
        self._recorded = [call for call in self._recorded if call.step not in over]
        return [(name, step, note) for name, step in left if (note := step.final_note)]

    def close(self, *, failed: bool) -> None:
        """The attempt has ended: say what was served, and forget what led to a failure.

        Where the call that was made last has failed, the answers before it are kept: the next
        attempt goes on from there. Else they are what the task failed on, so models and tools are
        asked anew, save tools that run once.
        """
        self.is_open = False
        with self._lock:
            steps = dict(self._steps or {})
            notes = [
                self._served(name, step, note)
                for name, step in steps.items()
                if not failed and (note := step.final_note)
            ]
            saved = saved_by(self._all_served())
            stale = self._stale(steps) if failed else []
        if stale:
            text = f"{len(stale)} calls are made anew: the attempt failed on their answers"
            notes.append(Note(self._run.path, "journal.forget", text, Served()))
        if not notes and not saved and not stale:
            return

        def work(tx: Transaction) -> None:
            locked = lock_execution(self._ports, tx, self._run.execution_id, self._actor)
            run = still_held(locked, self._run)
            if saved:
                run = tx.task_runs.save(run, run.spared(saved))
            if stale:
                tx.calls.drop(run, stale)
            for note in notes:
                note.write(locked, run)
            locked.close()

        retry_through_outage(lambda: self._ports.store.transact(work))

    def _stale(self, steps: Mapping[str, StepCalls]) -> list[int]:
        """The numbers of the calls of steps in which no call failed last."""
        kept = {name for name, step in steps.items() if step.failed_last}
        return [
            call.number
            for call in self._recorded
            if call.step not in kept
            and not (call.kind is CallKind.TOOL and self._once.cover(call.name))
        ]

    # Lines --------------------------------------------------------------------------------------

    def _step(self, name: str) -> StepCalls:
        """The calls of a step; what was recorded of them is read when the first is made."""
        if self._steps is None:
            self._recorded = list(self._read(lambda tx: tx.calls.of(self._run)))
            self._number = max((call.number for call in self._recorded), default=0)
            self._steps = {}
        if name not in self._steps:
            own = [call for call in self._recorded if call.step == name]
            self._steps[name] = StepCalls(own)
        return self._steps[name]

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _all_served(self) -> Sequence[Served]:
        return [*self._ended, *(step.served for step in (self._steps or {}).values())]

    def _served(self, step: str, calls: StepCalls, text: str) -> Note:
        return Note(step, "journal.serve", text, calls.served)

    def _save(
        self,
        line: RecordedCall | None,
        answer: Json,
        notes: Sequence[Note],
        *,
        begun: bool = False,
    ) -> None:
        def work(tx: Transaction) -> None:
            locked = None
            if notes:  # the execution's row is locked before the run's, as everywhere
                locked = lock_execution(self._ports, tx, self._run.execution_id, self._actor)
            if not tx.task_runs.fence(self._run.id, self._run.claim_no):
                raise ClaimLost
            if line is not None:
                (tx.calls.end if begun else tx.calls.add)(self._run, line, answer)
            if locked is not None:
                for note in notes:
                    note.write(locked, self._run)
                locked.close()

        self._through(work)
        if line is not None:
            with self._lock:
                self._recorded.append(line)

    def _write(self, work: Callable[[Transaction], object]) -> None:
        def fenced(tx: Transaction) -> None:
            if not tx.task_runs.fence(self._run.id, self._run.claim_no):
                raise ClaimLost
            work(tx)

        self._through(fenced)

    def _through(self, work: Callable[[Transaction], None]) -> None:
        """One transaction, for as long as the database may take to come back."""
        retry_through_outage(lambda: self._ports.store.transact(work))

    def _read(self, work: Callable[[Transaction], T]) -> T:
        return retry_through_outage(lambda: self._ports.store.read(work))


def journal_of(
    ports: Ports, worker: str, run: TaskRun, deployment: Deployment
) -> ClaimedJournal | None:
    """The journal of a claim; None where the deployment has none."""
    if run.weighs or not deployment.journal:
        return None
    return ClaimedJournal(ports, worker_actor(worker), run, deployment.once)


@contextmanager
def closing(journal: ClaimedJournal | None) -> Iterator[None]:
    """Close the journal once the attempt has ended; not where its process was told to."""
    try:
        yield
    except ClaimLost:
        raise
    except FOREIGN:
        if journal is not None:
            journal.close(failed=True)
        raise
    if journal is not None:
        journal.close(failed=False)


def _line(call: LiveCall, number: int, usage: Mapping[str, int]) -> RecordedCall:
    asked = call.asked
    shown = asked.arguments if call.number is not None else None
    return RecordedCall(
        number, asked.step, asked.kind, asked.name, asked.digest, arguments=shown, usage=dict(usage)
    )


def _too_large(answer: Json) -> str:
    """Why an answer cannot be stored, empty where it can."""
    try:
        size = len(encode(answer))
    except (TypeError, ValueError, RecursionError) as error:
        return f"its answer cannot be stored as JSON: {error}"
    return f"its answer has {size} bytes, over the limit of {LIMIT}" if size > LIMIT else ""

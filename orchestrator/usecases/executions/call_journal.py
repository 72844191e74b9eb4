"""The journal of one claim: serves the calls that earlier attempts made, and records new ones."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from orchestrator.domain.calls import (
    Approval,
    AskedCall,
    CallKind,
    RecordedCall,
    ToolRules,
)
from orchestrator.domain.canonical import Json, JsonObject, encode
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.output import LIMIT
from orchestrator.domain.step_calls import Served, StepCalls
from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.timeline import worker_actor
from orchestrator.errors import FOREIGN, ClaimLost, OutOfTime, TaskFailed, Unreadable, cause
from orchestrator.ports import HeldCall, LiveCall, Ports, ServedAnswer, Transaction
from orchestrator.usecases.executions.approvals import ask_for_approval
from orchestrator.usecases.executions.attempt_calls import AttemptCalls, not_made, serves
from orchestrator.usecases.executions.journal_notes import Line, Note, Void, saved_by
from orchestrator.usecases.executions.journal_rows import JournalRows, spent_in
from orchestrator.usecases.executions.locked_execution import LockedExecution


class ClaimedJournal:
    """Keeps ``ports.CallJournal`` for one claim of a task run."""

    def __init__(self, ports: Ports, actor: str, run: TaskRun, tools: ToolRules) -> None:
        self._rows = JournalRows(ports, actor, run)
        self._run = run
        self._tools = tools
        self._lock = threading.RLock()
        self._calls: AttemptCalls | None = None
        self._held: set[int] = set()
        self._was_empty: bool | None = None
        self.is_open = True

    @property
    def held(self) -> frozenset[int]:
        """The numbers of the calls that were not made, since a person has to approve them."""
        return frozenset(self._held)

    def guards(self, tool: str) -> bool:
        """Whether a tool of this name may not be called where nothing of it is journalled."""
        return self._tools.guard(tool)

    # Calls --------------------------------------------------------------------------------------

    def ask(
        self, asked: AskedCall, decode: Callable[[Json], object]
    ) -> ServedAnswer | LiveCall | HeldCall:
        """Say whether a call has an answer already, and whether it may be made."""
        is_tool = asked.kind is CallKind.TOOL
        once = is_tool and self._tools.run_once(asked.name)
        guarded = is_tool and self._tools.need_approval(asked.name)
        with self._lock:
            calls = self._loaded()
            step = calls.step(asked.step)
            if asked.unstorable:
                return self._not_journalled(step, asked, noted=once or guarded)
            found = step.find(asked, once=once)
            live = LiveCall(asked, step.made, calls.next_number() if once else None)
        if found is not None and found.is_answered:
            served = self._serve(step, found, live, decode)
            if served is not None:
                return served
        if guarded or (found is not None and found.waits):
            return self._approved(live, found) or self._to_hold(step, asked, found)
        if live.number is not None:
            begun = replace(_line(live, live.number, {}), ended=False)
            self._rows.add(begun)
        return live

    def _approved(self, live: LiveCall, found: RecordedCall | None) -> LiveCall | None:
        """Begin a call that a person approved; None where nobody did. It is approved no more."""
        if found is None or found.approval is not Approval.GIVEN:
            return None
        self._rows.write(lambda tx: tx.calls.save(self._run, found.begun()))
        edited = None if found.arguments == live.asked.arguments else found.arguments
        return replace(live, number=found.number, arguments=edited)

    def _to_hold(self, step: StepCalls, asked: AskedCall, found: RecordedCall | None) -> HeldCall:
        if step.closed:
            why = "its journal has ended, so that no later attempt could come back to the call"
            raise TaskFailed(f"'{asked.name}' needs approval, and {why}", retryable=False)
        with self._lock:
            superseded = tuple(call.number for call in step.superseded_by(asked))
        is_asked = found is not None and found.approval is Approval.ASKED
        return HeldCall(asked, found.number if found and is_asked else None, superseded)

    def hold(self, call: HeldCall, fits: JsonObject | None) -> None:
        """Have a person asked about a call, unless one is already."""
        with self._lock:
            number = call.number or self._loaded().next_number()
            self._held.add(number)
        asked = call.asked
        line = RecordedCall(
            number, asked.step, asked.kind, asked.name, asked.digest, arguments=asked.arguments
        )
        line = replace(line, ended=False, approval=Approval.ASKED)

        def work(locked: LockedExecution, run: TaskRun) -> None:
            locked.tx.calls.drop(run, call.superseded)
            ask_for_approval(locked, run, line, fits)

        self._rows.write_locked(work)

    def _serve(
        self,
        step: StepCalls,
        found: RecordedCall,
        live: LiveCall,
        decode: Callable[[Json], object],
    ) -> ServedAnswer | None:
        """The recorded answer; None where it cannot be read any more, and has to be asked anew."""
        try:
            answer = self._rows.read(lambda tx: tx.calls.answer(self._run, found.number))
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
            calls = self._loaded()
            step = calls.step(call.asked.step)
            step.failed_last = False
            note = step.ended(call.made)
            was_closed, step.closed = step.closed, step.closed or bool(why)
            number = call.number or (None if was_closed else calls.next_number())
            is_new = call.asked.kind is CallKind.MODEL
            void = step.void_approvals() if is_new else []
        notes: list[Line] = [] if note is None else [serves(call.asked.step, step, note)]
        notes += [Void(each, f"something else was asked: {step.served.why}") for each in void]
        if why and not was_closed:
            made = f"call {call.made} ({call.asked.name})"
            text = f"{made} is not journalled, nor is what follows: {why}"
            notes.append(Note(call.asked.step, "journal.end", text, step.served))
        if number is not None:
            line = replace(_line(call, number, usage), note=why or None)
            self._rows.record(line, None if why else answer, notes, begun=call.number is not None)
            with self._lock:
                calls.add(line)
        elif notes:
            self._rows.record(None, None, notes)

    def failed(self, call: LiveCall) -> None:
        """A call raised: that is no answer, and it is made again."""
        with self._lock:
            step = self._loaded().step(call.asked.step)
            step.failed_last = True
            note = step.ended(call.made)
        if call.number is not None:
            numbers = [call.number]
            self._rows.write(lambda tx: tx.calls.drop(self._run, numbers))
        if note is not None:
            self._rows.record(None, None, [serves(call.asked.step, step, note)])

    def served_usage(self) -> Mapping[str, int]:
        """The tokens of all that was served in this attempt."""
        with self._lock:
            total: Counter[str] = Counter()
            for served in self._calls.served() if self._calls else ():
                total.update(served.usage)
            return total

    def _not_journalled(self, step: StepCalls, asked: AskedCall, *, noted: bool) -> LiveCall:
        """What is asked has no digest: it is made, and the journal of the step ends with it."""
        if noted:
            rule = "runs once" if self._tools.run_once(asked.name) else "needs approval"
            message = f"'{asked.name}' {rule}, and what it is given {asked.unstorable}"
            raise TaskFailed(message, retryable=False)
        made = step.made_unseen(asked, asked.unstorable)
        return LiveCall(asked, made)

    # Ends ---------------------------------------------------------------------------------------

    def end_step(self, path: str) -> list[Line]:
        """A step, and all inside it, needs its calls no more; returns what there is to note."""
        with self._lock:
            return self._calls.leave(path) if self._calls else []

    def halt(self, tx: Transaction, run: TaskRun) -> None:
        """Delete the round's calls, save those that the next round has to know of."""
        if not self._tools or (self._was_empty and not self._rows.wrote):
            self.purge(tx, run)
            return
        calls = tx.calls.of(run)
        stale = [call.number for call in calls if not self._tools.outlive_halt(call)]
        if stale:
            tx.calls.drop(run, stale)

    def purge(self, tx: Transaction, run: TaskRun, step: str | None = None) -> JsonObject:
        """Delete the round's calls, or those of one step and of what is inside it.

        Returns the tokens that those of the step cost.

        What earlier claims left is looked for once: nobody but this claim adds to it. Most methods
        of flows call no model, and have nothing to delete.
        """
        if not self._rows.wrote:
            if self._was_empty is None and step is not None:
                self._was_empty = not tx.calls.of(run)
            if self._was_empty:
                return {}
        spent = {} if step is None else spent_in(tx, run, step)
        tx.calls.purge(run, step)
        return spent

    def close(self, *, failed: bool, forgets: bool = True) -> None:
        """The attempt has ended: say what was served, and forget what led to a failure.

        Where the call that was made last has failed, the answers before it are kept: the next
        attempt goes on from there. Else they are what the task failed on, so models and tools are
        asked anew, save tools that run once. Unless it ``forgets`` nothing: where the time limit
        ended the attempt, no answer is to blame.
        """
        self.is_open = False
        with self._lock:
            calls = self._calls
            notes = calls.final_notes() if calls and not failed else []
            if not failed and not self._held:
                notes += not_made(self._void_approvals())
            saved = saved_by(calls.served()) if calls else {}
            stale = calls.failed_on() if calls and failed and forgets else []
        if stale:
            text = f"{len(stale)} calls are made anew: the attempt failed on their answers"
            notes.append(Note(self._run.path, "journal.forget", text, Served()))
        if not notes and not saved and not stale:
            return

        def work(locked: LockedExecution, run: TaskRun) -> None:
            if saved:
                run = locked.tx.task_runs.save(run, run.spared(saved))
            if stale:
                locked.tx.calls.drop(run, stale)
            for note in notes:
                note.write(locked, run)

        self._rows.write_locked(work)

    def _void_approvals(self) -> list[RecordedCall]:
        """The calls that were not made though a person was asked.

        Read only where somebody may have been asked.
        """
        if self._calls is None and not (self._tools.approval and self._run.resumes):
            return []
        return self._loaded().void_approvals()

    def _loaded(self) -> AttemptCalls:
        """The calls of this attempt; what was recorded before is read when the first is made."""
        if self._calls is None:
            recorded = self._rows.read(lambda tx: tx.calls.of(self._run))
            self._was_empty = not recorded
            self._calls = AttemptCalls(recorded, self._run, self._tools)
        return self._calls


def journal_of(
    ports: Ports, worker: str, run: TaskRun, deployment: Deployment
) -> ClaimedJournal | None:
    """The journal of a claim; None where the deployment has none."""
    if run.weighs or not deployment.journal:
        return None
    return ClaimedJournal(ports, worker_actor(worker), run, deployment.tools)


@contextmanager
def closing(journal: ClaimedJournal | None) -> Iterator[None]:
    """Close the journal once the attempt has ended; not where its process was told to."""
    try:
        yield
    except ClaimLost:
        raise
    except FOREIGN as error:
        if journal is not None:
            journal.close(failed=True, forgets=not isinstance(error, OutOfTime))
        raise
    if journal is not None:
        journal.close(failed=False)


def _line(call: LiveCall, number: int, usage: Mapping[str, int]) -> RecordedCall:
    asked = call.asked
    given = asked.arguments if call.arguments is None else call.arguments
    shown = given if call.number is not None else None
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

"""The calls of one attempt by their steps, against what earlier attempts recorded of them."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.domain.calls import CallKind, RecordedCall, ToolRules
from orchestrator.domain.step_calls import Served, StepCalls
from orchestrator.domain.task_run import TaskRun
from orchestrator.usecases.executions.journal_notes import Line, Note, Void

_NOT_MADE = "the task did not come to it any more"


class AttemptCalls:
    """What was recorded of a task run, and the calls that an attempt at it makes meanwhile.

    Not safe for several threads: whoever uses it holds a lock.
    """

    def __init__(self, recorded: Sequence[RecordedCall], run: TaskRun, tools: ToolRules) -> None:
        self._recorded = list(recorded)
        self._run = run
        self._tools = tools
        self._steps: dict[str, StepCalls] = {}
        self._number = max((call.number for call in recorded), default=0)
        self._ended: list[Served] = []

    def step(self, name: str) -> StepCalls:
        """The calls of a step."""
        if name not in self._steps:
            own = [call for call in self._recorded if call.step == name]
            self._steps[name] = StepCalls(own, only_once=self._is_only_once(own))
        return self._steps[name]

    def _is_only_once(self, own: Sequence[RecordedCall]) -> bool:
        """Whether a run that nobody claimed before has, of a step, but such calls as outlive it."""
        return bool(own) and self._run.claim_no == 1 and all(map(self._tools.outlive_halt, own))

    def next_number(self) -> int:
        """The number of the next call that is recorded."""
        self._number += 1
        return self._number

    def add(self, call: RecordedCall) -> None:
        """A call was recorded."""
        self._recorded.append(call)

    def leave(self, path: str) -> list[Line]:
        """A step, and all inside it, needs its calls no more; returns what there is to note."""
        over = [name for name in self._steps if name == path or name.startswith(f"{path}/")]
        left = {name: self._steps.pop(name) for name in over}
        self._ended.extend(step.served for step in left.values())
        self._recorded = [call for call in self._recorded if call.step not in left]
        void = [call for step in left.values() for call in step.void_approvals()]
        return [*_final_notes(left), *not_made(void)]

    def final_notes(self) -> list[Line]:
        """What there is to note of the steps that were not left."""
        return _final_notes(self._steps)

    def served(self) -> list[Served]:
        """What was served, of each step."""
        return [*self._ended, *(step.served for step in self._steps.values())]

    def void_approvals(self) -> list[RecordedCall]:
        """The calls that were not made though a person was asked, also of steps never come to."""
        void = [call for step in self._steps.values() for call in step.void_approvals()]
        unread = (call for call in self._recorded if call.step not in self._steps)
        return void + [call for call in unread if call.waits]

    def failed_on(self) -> list[int]:
        """The numbers of the calls whose answers may have made the attempt fail.

        Those of steps in which no call failed last, save what must not be called again.
        """
        kept = {name for name, step in self._steps.items() if step.failed_last}
        return [
            call.number
            for call in self._recorded
            if call.step not in kept
            and not call.waits
            and not (call.kind is CallKind.TOOL and self._tools.run_once(call.name))
        ]


def not_made(calls: Sequence[RecordedCall]) -> list[Line]:
    """What there is to note of calls that wait for approval, or have it, and are not made."""
    return [Void(call, _NOT_MADE) for call in calls]


def serves(step: str, calls: StepCalls, text: str) -> Note:
    """A note of what was served of a step."""
    return Note(step, "journal.serve", text, calls.served)


def _final_notes(steps: dict[str, StepCalls]) -> list[Line]:
    return [serves(name, step, note) for name, step in steps.items() if (note := step.final_note)]

"""What the journal of calls tells people: lines of the timeline, and what it saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from orchestrator.domain.calls import RecordedCall
from orchestrator.domain.step_calls import Served
from orchestrator.domain.task_run import TaskRun
from orchestrator.usecases.executions.approvals import void_approval
from orchestrator.usecases.executions.locked_execution import LockedExecution


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the timeline: what was served of a step, or why its journal ended."""

    step: str
    event: str
    text: str
    served: Served

    def write(self, locked: LockedExecution, run: TaskRun) -> None:
        """Add it."""
        locked.record(
            self.event,
            run.id,
            run,
            step=self.step,
            note=self.text,
            model_calls=self.served.models,
            tool_calls=self.served.tools,
            tokens=self.served.usage["total_tokens"],
        )


@dataclass(frozen=True, slots=True)
class Void:
    """A call that a person was asked about will not be made: nothing leads to it any more."""

    call: RecordedCall
    why: str

    def write(self, locked: LockedExecution, run: TaskRun) -> None:
        """Tell it, and take the call out of the journal."""
        void_approval(locked, run, self.call, self.why)


Line: TypeAlias = Note | Void


def saved_by(all_served: Sequence[Served]) -> dict[str, int]:
    """What was spared, by name; empty where nothing was."""
    if not any(served.anything for served in all_served):
        return {}
    total: Counter[str] = Counter()
    for served in all_served:
        total.update(served.usage)
    models = sum(served.models for served in all_served)
    tools = sum(served.tools for served in all_served)
    return {"model_calls": models, "tool_calls": tools, **total}

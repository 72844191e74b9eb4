"""The calls of models and tools inside a task, as they are journalled.

A journal belongs to one task in one round: the next round asks other things, and has its own. Where
a flow halts, its next round runs bodies again that were left in their middle: of these it has the
calls of tools that run once, or need approval. ``step_calls`` says how they are served.

A call of a tool that needs approval has a line before it is made, and is made where a person said
so of that line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase

from orchestrator.domain.canonical import Json, JsonObject


class CallKind(StrEnum):
    """What is called."""

    MODEL = "model"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class AskedCall:
    """What is asked of a model or a tool, in one step of a task (a crew's only step is itself).

    ``digest`` is that of all that is asked; ``arguments`` show people what a tool was given.
    ``unstorable`` says why there is no digest, where there is none.
    """

    step: str
    kind: CallKind
    name: str
    digest: str
    arguments: Json = None
    unstorable: str = ""


class Approval(StrEnum):
    """How it stands with the approval of a call that may not be made unasked."""

    ASKED = "asked"
    """A person has to say whether it may be made."""
    GIVEN = "given"
    """A person approved it, and it has not begun."""
    USED = "used"
    """A person approved it, and it was begun: it is approved no more."""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call as the journal has it, without its answer, which may be large.

    ``number`` rises within a task's round. One that has not ``ended`` and does not wait for its
    ``approval`` was begun, and nobody wrote down what came of it: only calls of tools that run
    once, or that need approval, are written as they begin. ``note`` says why one that ended has no
    answer that could be served. ``arguments`` are what such a tool is given, as a person may have
    edited them. ``usage`` are token counts.
    """

    number: int
    step: str
    kind: CallKind
    name: str
    digest: str
    ended: bool = True
    note: str | None = None
    arguments: Json = None
    usage: JsonObject = field(default_factory=dict)
    approval: Approval | None = None

    @property
    def is_answered(self) -> bool:
        """Whether its answer can be served."""
        return self.ended and self.note is None

    @property
    def waits(self) -> bool:
        """Whether it has not begun: a person is asked about it, or has approved it."""
        return self.approval in (Approval.ASKED, Approval.GIVEN)

    @property
    def is_unknown(self) -> bool:
        """Whether it may have taken effect, and nobody has its answer."""
        return not self.is_answered and not self.waits

    def answered_by_hand(self) -> RecordedCall:
        """A person said what the call gave, or what the agent is told in place of it."""
        return replace(self, ended=True, note=None, approval=None)

    def approved(self, arguments: Json) -> RecordedCall:
        """A person said that it may be made, with these arguments, once."""
        return replace(self, ended=False, note=None, approval=Approval.GIVEN, arguments=arguments)

    def begun(self) -> RecordedCall:
        """It is made now: its approval is used up."""
        return replace(self, approval=Approval.USED)


@dataclass(frozen=True, slots=True)
class ToolRules:
    """Which tools run ``once``, and which need ``approval``.

    Patterns as of file names, for a tool's name as models write it.
    """

    once: Sequence[str] = ()
    approval: Sequence[str] = ()

    def __bool__(self) -> bool:
        """Whether any tool is not like the others."""
        return bool(self.once or self.approval)

    def run_once(self, tool: str) -> bool:
        """Whether a tool of this name never runs again unless a person says so."""
        return _matches(tool, self.once)

    def need_approval(self, tool: str) -> bool:
        """Whether a tool of this name never runs at all unless a person says so."""
        return _matches(tool, self.approval)

    def guard(self, tool: str) -> bool:
        """Whether either holds for a tool of this name."""
        return _matches(tool, (*self.once, *self.approval))

    def outlive_halt(self, call: RecordedCall) -> bool:
        """Whether the next round of a flow has to know of a call that was made, too."""
        return call.kind is CallKind.TOOL and self.guard(call.name) and not call.waits

    def unknown(self, calls: Iterable[RecordedCall]) -> RecordedCall | None:
        """The first call that must not run again, and whose answer nobody has."""
        unsure = (call for call in calls if call.is_unknown)
        return next((call for call in unsure if self.outlive_halt(call)), None)


def _matches(tool: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(tool, pattern) for pattern in patterns)

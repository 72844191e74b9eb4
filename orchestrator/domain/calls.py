"""The calls of models and tools inside a task, as they are journalled, and how they are served.

A journal belongs to one task in one round: the next round asks other things, and has its own. Where
a flow halts, its next round runs bodies again that were left in their middle: of these it has the
calls of tools that run once, or need approval. When
the task runs again after a crash, each call is looked for in what was recorded of its step, by its
digest: of several with one digest the one that was recorded first. So calls that run side by side
find theirs in whatever order they come. A call that is not found goes live, and so does whatever
begins after it has ended: it may follow from another answer. What is under way beside it is served
on, and so are the other tools that one answer of a model asked for: they follow from that.

A call of a tool that needs approval has a line before it is made, and is made where a person said
so of that line. That holds as long as an answer would be served: once a model was asked something
new, what a person said of a call that would follow from the old answer is void.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase

from orchestrator.domain.canonical import Json, JsonObject
from orchestrator.domain.usage import counts_of


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


@dataclass(slots=True)
class Served:
    """What was served of one step, and from which call on, and why, its calls went live.

    ``usage`` are the tokens of the answers that were served: spent once, by an earlier attempt.
    """

    models: int = 0
    tools: int = 0
    usage: Counter[str] = field(default_factory=Counter)
    live_from: int | None = None
    why: str = ""

    @property
    def anything(self) -> bool:
        """Whether the journal spared any call."""
        return bool(self.models or self.tools)

    def note(self) -> str:
        """All of it as a sentence."""
        models, tools = _counted(self.models, "model call"), _counted(self.tools, "tool call")
        served = f"served {models} and {tools} from the journal"
        if self.live_from is None:
            return f"{served}; nothing was asked anew"
        return f"{served}; live from call {self.live_from}: {self.why}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


_ONLY_ONCE = "only tools that run once are served"


class StepCalls:
    """The calls of one step in one attempt, against what earlier attempts recorded of it.

    ``only_once`` says that of what was before only tools that run once are left. Not safe for
    several threads: whoever uses it holds a lock.
    """

    def __init__(self, recorded: Iterable[RecordedCall] = (), *, only_once: bool = False) -> None:
        self._waiting = list(recorded)
        self._live = only_once or not self._waiting
        self._made = 0
        self._turn = 0  # how many calls of a model were made
        self._open_turn = 0
        self._turns: dict[int, int] = {}
        self._missing: dict[int, str] = {}
        self.served = Served(live_from=1, why=_ONLY_ONCE) if only_once else Served()
        self._is_noted = False
        self.closed = False
        """Nothing more is recorded: a call could not be, and those after it would not be served."""
        self.failed_last = False
        """Whether the call that ended last failed."""

    def find(self, asked: AskedCall, *, once: bool) -> RecordedCall | None:
        """The recorded call that is this one: answered, or with approval asked for or given.

        None where it has to be made. A tool that runs once is served even when all else is live;
        what a person approved is not made then.
        """
        self._count(asked)
        is_open = self._is_open(asked)
        found = self._take(asked, answered=not is_open) if once or is_open else None
        if found is None or not found.is_answered:
            self.miss(self._made, self._reason(asked, found))
        return None if found is None or found.is_unknown else found

    def _is_open(self, asked: AskedCall) -> bool:
        return not self._live or (asked.kind is CallKind.TOOL and self._turn == self._open_turn)

    def superseded_by(self, asked: AskedCall) -> list[RecordedCall]:
        """Take out the calls like this one that nothing leads to any more, now that it is asked."""
        taken: list[RecordedCall] = []
        while not self._is_open(asked) and (call := self._take(asked)):
            taken.append(call)
        return taken

    def void_approvals(self) -> list[RecordedCall]:
        """Take out the calls that wait for approval or have it: nothing leads to them any more."""
        void = [call for call in self._waiting if call.waits]
        self._waiting = [call for call in self._waiting if not call.waits]
        return void

    def _count(self, asked: AskedCall) -> None:
        self._made += 1
        self._turn += asked.kind is CallKind.MODEL
        self._turns[self._made] = self._turn if asked.kind is CallKind.TOOL else 0

    def made_unseen(self, asked: AskedCall, why: str) -> int:
        """A call is made that could not be looked for; returns which it is."""
        self._count(asked)
        self.miss(self._made, why)
        return self._made

    def miss(self, made: int, why: str) -> None:
        """A call is made live, for this reason: whatever begins after it has ended is so, too."""
        if not self._live:
            self._missing[made] = why

    @property
    def made(self) -> int:
        """How many calls were made so far: the number of the last."""
        return self._made

    def ended(self, made: int) -> str | None:
        """A call that was made live has ended, well or not; returns a note where all goes live."""
        why = self._missing.pop(made, None)
        if why is None or self._live:
            return None
        self._live = True
        self._open_turn = self._turns[made] or -1  # none where code called the tool by itself
        self.served.live_from, self.served.why = made, why
        self._is_noted = True
        return self.served.note()

    def serve(self, call: RecordedCall) -> None:
        """Count a call that was served."""
        self.failed_last = False
        if call.kind is CallKind.MODEL:
            self.served.models += 1
        else:
            self.served.tools += 1
        self.served.usage.update(counts_of(call.usage))

    @property
    def final_note(self) -> str | None:
        """What to note at the end where that was not done as calls went live."""
        return None if self._is_noted or not self.served.anything else self.served.note()

    def _take(self, asked: AskedCall, *, answered: bool = False) -> RecordedCall | None:
        """The first that is like it; one that has its answer, where such a one is wanted."""
        for call in self._waiting:
            if answered and not call.is_answered:
                continue
            if (call.kind, call.name, call.digest) == (asked.kind, asked.name, asked.digest):
                self._waiting.remove(call)
                return call
        return None

    def _reason(self, asked: AskedCall, found: RecordedCall | None) -> str:
        if found is not None and found.waits:
            return f"a person was asked about the call of {found.name}"
        if found is not None:
            return found.note or f"the call of {found.name} was begun, and has no end"
        if not any(call.kind is asked.kind for call in self._waiting):
            return "the journal ends"
        if asked.kind is CallKind.MODEL:
            return "the prompt differs"
        return f"the call of {asked.name} differs"

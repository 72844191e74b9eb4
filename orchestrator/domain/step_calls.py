"""How the journalled calls of one step are served.

When a task runs again after a crash, each call is looked for in what was recorded of its step, by
its digest: of several with one digest the one that was recorded first. So calls that run side by
side find theirs in whatever order they come. A call that is not found goes live, and so does
whatever begins after it has ended: it may follow from another answer. What is under way beside it
is served on, and so are the other tools that one answer of a model asked for: they follow from
that.

An approval holds as long as an answer would be served: once a model was asked something new, what a
person said of a call that would follow from the old answer is void.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from orchestrator.domain.calls import AskedCall, CallKind, RecordedCall
from orchestrator.domain.usage import counts_of


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

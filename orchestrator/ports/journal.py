"""The journal of the calls of models and tools inside a task: as a runner uses it, and its rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from orchestrator.domain.calls import AskedCall, RecordedCall
from orchestrator.domain.canonical import Json, JsonObject
from orchestrator.domain.renaming import Renames
from orchestrator.domain.task_run import TaskRun


@dataclass(frozen=True, slots=True)
class ServedAnswer:
    """What an earlier attempt was answered, decoded: the call is not made again."""

    value: Any


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call that has to be made. ``made`` counts those of its step in this attempt, from 1.

    ``number`` is that of the line that was written as it began, None where none was. ``arguments``
    are what a tool is given in place of what was asked, where a person edited that.
    """

    asked: AskedCall
    made: int
    number: int | None = None
    arguments: Json = None


@dataclass(frozen=True, slots=True)
class HeldCall:
    """A call that may not be made before a person has approved it.

    ``number`` is that of its line, where an earlier attempt wrote it; ``superseded`` are those of
    lines that are like it, and that nothing leads to any more.
    """

    asked: AskedCall
    number: int | None = None
    superseded: tuple[int, ...] = ()


class CallJournal(Protocol):
    """Serves calls that an earlier attempt made, and records those that are made.

    Each write is a small transaction of its own, fenced by the claim. Safe to call from several
    threads. All raise ClaimLost when the claim was lost.
    """

    @property
    def is_open(self) -> bool:
        """Whether the run still goes on; what is called afterwards is nobody's."""
        ...

    def guards(self, tool: str) -> bool:
        """Whether a tool of this name may not be called where nothing of it is journalled."""
        ...

    def ask(
        self, asked: AskedCall, decode: Callable[[Json], object]
    ) -> ServedAnswer | LiveCall | HeldCall:
        """Say whether a call has an answer already, and whether it may be made.

        ``decode`` reads what was recorded, and raises ValueError for what cannot be read.

        Raises TaskFailed for a tool that runs once or needs approval, and whose arguments cannot
        be stored, or whose result cannot be read any more; and for one that needs approval where
        no later attempt could come back to it, since the journal has ended.
        """
        ...

    def hold(self, call: HeldCall, fits: JsonObject | None) -> None:
        """Have a person asked about a call, unless one is already. The run has to end then.

        ``fits`` is the JSON Schema of the tool's arguments, None where it is not known.
        """
        ...

    def answered(
        self, call: LiveCall, answer: Json, usage: Mapping[str, int], unstorable: str = ""
    ) -> None:
        """Record the answer of a call, and the tokens that it cost.

        Where it is ``unstorable``, for the reason that is given, or too large, the journal of the
        step ends here.
        """
        ...

    def failed(self, call: LiveCall) -> None:
        """A call raised: that is no answer, and it is made again."""
        ...

    def served_usage(self) -> Mapping[str, int]:
        """The tokens of all that was served in this attempt: spent once, by an earlier one."""
        ...


class Calls(Protocol):
    """The journalled calls of models and tools, in one transaction.

    They belong to an execution's task in a round: to every run of it that a retry may bring. What
    is left of a round once the next begins is of no use, save what that takes over.
    """

    def add(self, run: TaskRun, call: RecordedCall, answer: Json = None) -> None:
        """Insert. Who calls holds the run's claim."""
        ...

    def save(self, run: TaskRun, call: RecordedCall, answer: Json = None) -> None:
        """Write what became of a call that has a line; nothing where that is gone."""
        ...

    def of(self, run: TaskRun) -> tuple[RecordedCall, ...]:
        """All of a task's round, in order, without their answers.

        Raises Sealed where arguments are encrypted with a key that is not here, Unreadable where
        they are damaged.
        """
        ...

    def left_before(self, run: TaskRun) -> tuple[RecordedCall, ...]:
        """What is left of the newest of the task's earlier rounds that left any.

        Raises as ``of`` does.
        """
        ...

    def take_over(self, run: TaskRun, numbers: Collection[int]) -> None:
        """Have these of what was left before be the round's own, and delete the rest."""
        ...

    def answer(self, run: TaskRun, number: int) -> Json:
        """The answer of one.

        Raises Sealed where its key is not here, Unreadable where it is damaged or gone.
        """
        ...

    def require_key(self, run: TaskRun) -> None:
        """Raise Sealed where the key of what a task's round has recorded is not here."""
        ...

    def drop(self, run: TaskRun, numbers: Sequence[int]) -> None:
        """Delete some of a task's round."""
        ...

    def purge(self, run: TaskRun, step: str | None = None) -> None:
        """Delete all of a task's round, or those of one step and of what is inside it."""
        ...

    def rename(self, execution_id: str, renames: Renames) -> None:
        """Have all of an execution's belong to its tasks and steps under their new names."""
        ...

    def purge_execution(self, execution_id: str) -> None:
        """Delete all of an execution's."""
        ...

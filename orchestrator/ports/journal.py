"""The journal of the calls of models and tools inside a task: as a runner uses it, and its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from orchestrator.domain.calls import AskedCall, RecordedCall
from orchestrator.domain.canonical import Json
from orchestrator.domain.task_run import TaskRun


@dataclass(frozen=True, slots=True)
class ServedAnswer:
    """What an earlier attempt was answered, decoded: the call is not made again."""

    value: Any


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call that has to be made. ``made`` counts those of its step in this attempt, from 1.

    ``number`` is that of the line that was written as it began, None where none was.
    """

    asked: AskedCall
    made: int
    number: int | None = None


class CallJournal(Protocol):
    """Serves calls that an earlier attempt made, and records those that are made.

    Each write is a small transaction of its own, fenced by the claim. Safe to call from several
    threads. All raise ClaimLost when the claim was lost.
    """

    @property
    def is_open(self) -> bool:
        """Whether the run still goes on; what is called afterwards is nobody's."""
        ...

    def ask(self, asked: AskedCall, decode: Callable[[Json], object]) -> ServedAnswer | LiveCall:
        """Say whether a call has an answer already.

        ``decode`` reads what was recorded, and raises ValueError for what cannot be read.

        Raises TaskFailed for a tool that runs once, and whose arguments cannot be stored, or whose
        result cannot be read any more.
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

    They belong to an execution's task in a round: to every run of it that a retry may bring.
    """

    def add(self, run: TaskRun, call: RecordedCall, answer: Json = None) -> None:
        """Insert. Who calls holds the run's claim."""
        ...

    def end(self, run: TaskRun, call: RecordedCall, answer: Json = None) -> None:
        """Write what came of a call that was begun; nothing where its line is gone."""
        ...

    def of(self, run: TaskRun) -> tuple[RecordedCall, ...]:
        """All of a task's round, in order, without their answers."""
        ...

    def answer(self, run: TaskRun, number: int) -> Json:
        """The answer of one. Raises Unreadable where it is damaged or gone."""
        ...

    def drop(self, run: TaskRun, numbers: Sequence[int]) -> None:
        """Delete some of a task's round."""
        ...

    def purge(self, run: TaskRun, step: str | None = None) -> None:
        """Delete all of a task's round, or those of one step and of what is inside it."""
        ...

    def purge_execution(self, execution_id: str) -> None:
        """Delete all of an execution's."""
        ...

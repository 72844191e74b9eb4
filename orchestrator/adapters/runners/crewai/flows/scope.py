"""The step whose body runs, as the code inside it finds it: by a context variable."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.adapters.runners.crewai.flows.codec import Unstorable
from orchestrator.adapters.runners.crewai.flows.journal import Record, join
from orchestrator.errors import TaskFailed

if TYPE_CHECKING:
    from orchestrator.adapters.runners.crewai.flows.running_flow import RunningFlow


class Paused(BaseException):
    """Leaves the body of a method that waits for a person; no ``except Exception`` catches it."""


class Interrupted(BaseException):
    """Leaves the body of a method when the run cannot go on: its claim is lost, its store away."""

    def __init__(self, why: BaseException) -> None:
        super().__init__(str(why))
        self.why = why


_current: ContextVar[Scope | None] = ContextVar("_current", default=None)


@dataclass(slots=True)
class Scope:
    """One call of a method while its body runs.

    ``again`` says that the body ran before, up to where a person was asked or to a crash.
    """

    path: str
    running: RunningFlow
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    answering: bool = False
    cut: bool = False
    _claimed: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def again(self) -> bool:
        """Whether what the body does was done in an earlier run, as far as it has come."""
        return self.answering or any(
            entry.path.removeprefix(f"{self.path}/").partition("/")[0] not in self._claimed
            for entry in self.running.run.journal.below(self.path)
        )

    def claim(self, name: str, fits: Callable[[Record], bool] = lambda _: True) -> Record:
        """The record of the next thing of this name inside the body, ``name`` and a number.

        What was noted comes first, in its order; of that, what fits. Else it gets a new number.
        """
        with self._lock:
            number, free = 1, []
            while (segment := f"{name}{number}") in self._claimed or self._is_noted(segment):
                if segment not in self._claimed:
                    free.append(segment)
                number += 1
            records = [self.running.run.journal.of(join(self.path, one)) for one in free]
            found = next((record for record in records if fits(record)), None)
            record = found or Record(join(self.path, segment))
            self._claimed.add(record.path.rpartition("/")[2])
            return record

    def _is_noted(self, segment: str) -> bool:
        path = join(self.path, segment)
        journal = self.running.run.journal
        return bool(journal.of(path).rounds or journal.of(path).committed or journal.below(path))

    def storable_state(self, path: str) -> Any:
        """The flow's state, stored, so that the body can run again once a person has answered.

        Raises TaskFailed, not to be retried, where something that it needs cannot be stored.
        """
        try:
            arguments = [*self.args, self.kwargs]
            self.running.run.codec.encode(arguments, f"the argument of {self.path}")
            return self.running.stored_state(must_be_stored=True)
        except Unstorable as error:
            message = f"Nobody can be asked about {path}: {error}"
            raise TaskFailed(message, retryable=False) from error

    def check(self) -> None:
        """Leave the body where its step lost a race, or where the run has ended."""
        if self.cut or self.running.ended:
            raise Paused


def current() -> Scope | None:
    """The step inside whose body this is called, None outside of all."""
    return _current.get()


_task: ContextVar[str] = ContextVar("_task", default="")


def task_path() -> str:
    """The path of the crew's task, inside a method, in which this is called; empty outside."""
    return _task.get()


@contextmanager
def inside_task(path: str) -> Iterator[None]:
    """Run a crew's task."""
    token = _task.set(path)
    try:
        yield
    finally:
        _task.reset(token)


@contextmanager
def inside(scope: Scope | None) -> Iterator[None]:
    """Run a body."""
    token, task = _current.set(scope), _task.set("")
    try:
        yield
    finally:
        _task.reset(task)
        _current.reset(token)

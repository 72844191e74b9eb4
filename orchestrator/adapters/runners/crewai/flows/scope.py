"""The step whose body runs, as the code inside it finds it: by a context variable."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from orchestrator.adapters.runners.crewai.flows.codec import Unstorable
from orchestrator.adapters.runners.crewai.flows.journal import PathRecord, is_task, join
from orchestrator.errors import TaskFailed

if TYPE_CHECKING:
    from orchestrator.adapters.runners.crewai.flows.running_flow import RunningFlow


class Left(BaseException):
    """Leaves the body of a method; no ``except Exception`` catches it.

    A body that catches it all the same (a bare ``except``) is left at its end, and at the next
    thing that it does in the same context: what is at work beside goes on.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        scope = current()
        if scope is not None and not isinstance(scope.left, Interrupted):
            scope.left = self
        if scope is not None:
            scope.left_in.add(scope.here)
        _left.set(scope)


class Paused(Left):
    """Leaves the body of a method that waits for a person."""


class Interrupted(Left):
    """Leaves the body of a method when the run cannot go on: its claim is lost, its store away."""

    def __init__(self, why: BaseException) -> None:
        super().__init__(str(why))
        self.why = why


def nobody_is_asked(why: str) -> Interrupted:
    """What ends a run, not to be retried, whose code asks where no person can be reached."""
    return Interrupted(TaskFailed(why, retryable=False))


ALIKE = 2
"""The likeness of a record from which on it is surely that of what is done."""

_current: ContextVar[Scope | None] = ContextVar("_current", default=None)
_left: ContextVar[Scope | None] = ContextVar("_left", default=None)
"""The step whose body was left in this context."""


@dataclass(slots=True)
class Scope:
    """One call of a method while its body runs.

    ``again`` says that the body ran before, up to where a person was asked or to a crash; ``left``
    is what it was left by, whether it let that pass or not, ``left_in`` where: in itself, or in
    which of its crews' tasks.
    """

    path: str
    running: RunningFlow
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    answering: bool = False
    cut: bool = False
    left: Left | None = None
    left_in: set[str] = field(default_factory=set)
    _claimed: set[str] = field(default_factory=set)
    _at_work: Counter[str] = field(default_factory=Counter)
    _beside: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def again(self) -> bool:
        """Whether what the body does was done in an earlier run, as far as it has come."""
        below = self.running.run.journal.below(self.path)
        return self.answering or any(not self._has_reached(entry.path) for entry in below)

    def _has_reached(self, path: str) -> bool:
        """Whether the body has come to what stands at a path, or to what that is a part of.

        A task that is not final does again what is inside it.
        """
        around = path
        while len(around) > len(self.path):
            if around in self._claimed and (around == path or not self._is_done_again(around)):
                return True
            around = around.rpartition("/")[0]
        return False

    def _is_done_again(self, path: str) -> bool:
        return is_task(path) and self.running.run.journal.of(path).final is None

    @property
    def here(self) -> str:
        """Where what the body does now is kept: the crew's task in which it does it, or its own."""
        return task_path() or self.path

    def claim(
        self, name: str, likeness: Callable[[PathRecord], int] = lambda _: ALIKE
    ) -> PathRecord:
        """The record of the next thing of this name ``here``, ``name`` and a number.

        Of what was noted, and is not this at all (0), what is most like it comes first, in its
        order; else it gets a new number. Where nothing was noted of a number it may be this one's:
        what comes after has to be ``ALIKE``. So has what earlier versions noted below the method,
        though it was done inside a task.
        """
        here = self.here
        with self._lock:
            before = {} if here == self.path else self._free(self.path, name)[0]
            fitting = [record for record in before.values() if likeness(record) >= ALIKE]
            free, new = self._free(here, name)
            for number, record in free.items():
                if likeness(record) >= (1 if number < new else ALIKE):
                    fitting.append(record)
            found = max(fitting, key=likeness, default=PathRecord(join(here, f"{name}{new}")))
            self._claimed.add(found.path)
            return found

    def _free(self, here: str, name: str) -> tuple[dict[int, PathRecord], int]:
        """What was noted and not claimed, by its number, and the first number that is neither."""
        journal, beginning = self.running.run.journal, join(here, name)
        ends = (
            entry.path.removeprefix(beginning).partition("/")[0]
            for entry in journal.below(here)
            if entry.path.startswith(beginning)
        )
        noted = {int(end) for end in ends if end.isdecimal()}
        claimed = self._claimed
        new = next(n for n in count(1) if n not in noted and f"{beginning}{n}" not in claimed)
        free = (n for n in sorted(noted) if f"{beginning}{n}" not in claimed)
        return {n: journal.of(f"{beginning}{n}") for n in free}, new

    @contextmanager
    def crew_at_work(self, inputs: str = "") -> Iterator[None]:
        """A crew is at work here, or a task on its own; one that waits for a person still is."""
        here, waits = self.here, False
        token = _crew.set(_Crew(here, inputs))
        self._count(here, +1)
        try:
            yield
        except Paused:
            waits = True
            raise
        finally:
            _crew.reset(token)
            if not waits:
                self._count(here, -1)

    def _count(self, here: str, by: int) -> None:
        with self._lock:
            self._at_work[here] += by
            if self._at_work[here] > 1:
                self._beside.add(here)
            elif not self._at_work[here]:
                self._beside.discard(here)

    @property
    def crew(self) -> _Crew | None:
        """The crew that is at work here and does what is done now."""
        crew = _crew.get()
        return crew if crew is not None and crew.here == self.here else None

    def is_beside(self, here: str) -> bool:
        """Whether several crews are at work, or were while those that are have been."""
        return here in self._beside

    def storable_state(self, path: str) -> Any:
        """The flow's state, stored, so that the body can run again once a person has answered.

        Raises Interrupted, not to be retried, where something that it needs cannot be stored.
        """
        try:
            return self.stored_state()
        except Unstorable as error:
            message = f"Nobody can be asked about {path}: {error}"
            raise Interrupted(TaskFailed(message, retryable=False)) from error

    def stored_state(self) -> Any:
        """The same. Raises Unstorable."""
        arguments = [*self.args, self.kwargs]
        self.running.run.codec.encode(arguments, f"the argument of {self.path}")
        return self.running.stored_state(must_be_stored=True)

    def check_left(self, path: str = "") -> None:
        """Leave a body, or the task at a path in it, that came to an end though it was left before.

        Raises what left it.
        """
        of_it = (each for each in self.left_in if f"{each}/".startswith(f"{path or self.path}/"))
        if self.left is not None and any(of_it):
            raise self.left

    def check(self) -> None:
        """Leave the body where its step lost a race, was left here before, or its run has ended."""
        if self.cut or self.running.ended or _left.get() is self:
            raise Paused


def current() -> Scope | None:
    """The step inside whose body this is called, None outside of all."""
    return _current.get()


@dataclass(frozen=True, slots=True)
class _Crew:
    """A crew at work: where, and the digest of what it was kicked off with."""

    here: str
    inputs: str


_crew: ContextVar[_Crew | None] = ContextVar("_crew", default=None)
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

"""One flow while it runs: what its parts share, what is at work in it, and its state."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

from orchestrator.adapters.runners.crewai.flows import internals
from orchestrator.adapters.runners.crewai.flows.codec import TAG, Unreadable, Unstorable
from orchestrator.adapters.runners.crewai.flows.internals import AnyFlow
from orchestrator.adapters.runners.crewai.flows.journal import Journal
from orchestrator.adapters.runners.crewai.flows.run import Run
from orchestrator.adapters.runners.crewai.flows.scope import Interrupted, Scope
from orchestrator.errors import TaskFailed

_LONGEST_WAIT = 0.1
"""Seconds that a step's end may wait to be written together with the next write."""


@dataclass(slots=True)
class RunningFlow:
    """The execution's flow, or one inside another. Made by the event loop that it runs in.

    ``prefix`` is the flow's own path, ``""`` for the execution's; ``around`` is the step inside
    whose body it runs. ``failing`` says that the engine has given it up, ``interrupted`` why its
    run cannot go on, ``ended`` that nobody waits for it any more.
    """

    run: Run
    flow: AnyFlow
    prefix: str = ""
    around: Scope | None = None
    failing: bool = False
    interrupted: Interrupted | None = None
    ended: bool = False
    engine: internals.Engine = field(init=False)
    _working: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Have the engine's own methods at hand."""
        self.engine = internals.Engine(self.flow)

    @property
    def journal(self) -> Journal:
        """What earlier runs did."""
        return self.run.journal

    @property
    def begun(self) -> bool:
        """Whether an earlier run came to any of the flow's steps."""
        return bool(self.journal.below(self.prefix))

    # What is at work ----------------------------------------------------------------------------

    @property
    def is_at_work(self) -> bool:
        """Whether any of the flow's steps runs."""
        return self._working > 0

    def working(self, by: int) -> None:
        """Count what runs of the flow's steps, wherever it runs."""
        with self._lock:
            self._working += by
        self._loop.call_soon_threadsafe(self._changed.set)

    def tell(self) -> None:
        """Something has changed."""
        self._changed.set()

    def expect_change(self) -> None:
        """Only what changes from here on ends ``change``."""
        self._changed.clear()

    async def change(self, kickoff: asyncio.Task[Any]) -> None:
        """Wait until something has changed, or the kickoff has ended."""
        changed = self._loop.create_task(self._changed.wait())
        await asyncio.wait({kickoff, changed}, return_when=asyncio.FIRST_COMPLETED)
        changed.cancel()

    def interrupt(self, why: Interrupted) -> None:
        """The run cannot go on. What was said first stands."""
        self.interrupted = self.interrupted or why
        self.tell()

    def check_interrupted(self) -> None:
        """Begin and end nothing more once the run cannot go on: it would see what was not kept.

        Raises Interrupted.
        """
        if self.interrupted:
            raise self.interrupted

    def may_wait(self) -> bool:
        """Whether the write that is about to be made may wait for the next, which comes at once.

        So it is where no other step is at work, here or around here. What CrewAI does between the
        last step and the end of the flow may take its time all the same: then it is written alone.
        """
        if self.prefix or self._working > 1:
            return False
        self._loop.call_later(_LONGEST_WAIT, self._write_waiting)
        return True

    def _write_waiting(self) -> None:
        try:
            self.run.write_waiting()
        except Interrupted as error:
            self.interrupt(error)

    # State --------------------------------------------------------------------------------------

    def stored_state(self, *, must_be_stored: bool = False) -> Any:
        """The state as it is stored now. While anybody is asked, all of it must have a form.

        Where it must, so must what the flows around this one need, to come here again. Raises
        Unstorable.
        """
        state = internals.state_value(self.flow)
        codec = self.run.codec
        if must_be_stored and self.around is not None:
            self.around.stored_state()
        if must_be_stored or self.run.anybody_is_asked:
            return codec.encode_fields(state, "state")
        return codec.encode_fields_or_lose(state, "state")

    def restore_state(self) -> None:
        """Have the state of the journal's end. Raises TaskFailed, not to be retried.

        A fork begins with the state of another execution: the id is this one's in any case.
        """
        stored = self.journal.last_state(self.prefix)
        if stored is None:
            return
        try:
            self._put_state(stored)
            if not self.prefix:
                internals.put_id(self.flow, self.run.execution_id)
        except (Unstorable, Unreadable) as error:
            raise TaskFailed(f"The flow cannot go on: {error}", retryable=False) from error

    def state_before(self) -> Any:
        """What ``put_state_back`` needs once a body has run that will run again."""
        if not self.run.options.one_by_one:
            return None
        return self.run.codec.encode_fields_or_lose(internals.state_value(self.flow), "state")

    def put_state_back(self, before: Any) -> None:
        """Undo what a body wrote that will run again; nobody else ran meanwhile."""
        if before is not None and before[TAG] != "lost":
            self._put_state(before)

    def _put_state(self, stored: Any) -> None:
        fresh = internals.state_value(self.flow)
        internals.put_state(self.flow, self.run.codec.decode_into(stored, fresh))

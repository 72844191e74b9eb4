"""Runs one flow, or one inside another, over the journal: with CrewAI's own scheduler.

The engine calls a method; what stands in the place of its own (``steps.py``) decides. Completions
that are in the journal reach the engine one at a time, in the order in which they were committed,
and the engine has done all that follows before the next. Then the state is restored, and whatever
else the engine has come to runs.

When nothing is left that runs, one answered review is given to the engine, with all that follows
from it, and then the next. Then failures: a method that raised has waited for the others. When
nothing is left of these either, the flow waits for a person.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from orchestrator.adapters.runners.crewai.flows import internals
from orchestrator.adapters.runners.crewai.flows.internals import AnyFlow
from orchestrator.adapters.runners.crewai.flows.loop import leave, settle
from orchestrator.adapters.runners.crewai.flows.run import Run
from orchestrator.adapters.runners.crewai.flows.running_flow import RunningFlow
from orchestrator.adapters.runners.crewai.flows.scope import Paused, Scope
from orchestrator.adapters.runners.crewai.flows.steps import Step, Steps
from orchestrator.domain.history import Answered, Asked, Committed
from orchestrator.errors import TaskFailed

CHANGED = (
    "{path} was run before, but the flow does not come to it any more: its code was changed while "
    "the execution was under way. Retry it with the code that it began with"
)


async def conduct(
    run: Run,
    flow: AnyFlow,
    kickoff: Callable[[], Awaitable[Any]],
    prefix: str = "",
    around: Scope | None = None,
) -> Any:
    """Run a flow to its end, and return its result.

    ``prefix`` is its own path, ``around`` the step inside whose body it runs.

    Raises Paused when nothing is left to do until a person answers, Interrupted, TaskFailed, or
    what a method raised.
    """
    running = RunningFlow(run, flow, prefix, around)
    internals.allow_calls(flow, run.options.max_method_calls)
    steps = Steps(running)
    replay = _Replay(running, steps, asyncio.create_task(_awaited(kickoff)))
    try:
        await replay.replay()
        return await replay.go_on()
    finally:
        await replay.leave()


async def _awaited(kickoff: Callable[[], Awaitable[Any]]) -> Any:
    return await kickoff()


@dataclass(slots=True)
class _Replay:
    """Gives the steps their turns. ``kickoff`` is the engine at work."""

    running: RunningFlow
    steps: Steps
    kickoff: asyncio.Task[Any]
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    # From the journal ---------------------------------------------------------------------------

    async def replay(self) -> None:
        """Bring the flow to where earlier runs left it. Raises Interrupted and TaskFailed."""
        await self.running.change(self.kickoff)  # the engine comes to its first methods
        entries = self.running.journal.steps_of(self.running.prefix)
        for entry in entries:
            if isinstance(entry, Committed):
                await self._expect(entry.path)
                self.steps.by_path[entry.path].have_turn()
        await self._settle()
        for entry in entries:
            if isinstance(entry, Asked) and not self.running.journal.of(entry.path).cut:
                await self._expect(entry.path)
        if not self.kickoff.done():
            self.running.restore_state()
            self.steps.live.set()

    async def _expect(self, path: str) -> None:
        await self._settle()
        self.running.check_interrupted()
        if path not in self.steps.by_path:
            if self.running.failing:
                await self.kickoff  # the engine itself raised
            raise TaskFailed(CHANGED.format(path=path), retryable=False)

    # Live ---------------------------------------------------------------------------------------

    async def go_on(self) -> Any:
        """Run whatever is left, and return the flow's result. Raises as ``conduct`` does."""
        answers = self._answers()
        while True:
            await self._quiet()
            if self.kickoff.done():
                return self.kickoff.result()
            answered = (step for step in answers if not step.gone)
            failed = (step for step in self.steps.by_path.values() if step.failure)
            due = next((step for step in (*answered, *failed) if step.waits), None)
            if due is None:
                raise Paused
            due.have_turn()

    def _answers(self) -> list[Step]:
        """The reviews that were answered and not yet given to the engine, in that order."""
        journal = self.running.journal
        entries = journal.steps_of(self.running.prefix)
        answered = [entry.path for entry in entries if isinstance(entry, Answered)]
        return [self.steps.by_path[path] for path in answered if journal.of(path).waits_its_turn]

    async def _quiet(self) -> None:
        """Wait until nothing runs any more, or the flow has ended. Raises Interrupted."""
        while True:
            self.running.expect_change()
            await self._settle()
            self.running.check_interrupted()
            if self.kickoff.done():
                return
            waiting = any(not step.gone for step in self.steps.by_path.values())
            if waiting and not self.running.is_at_work and not self.running.failing:
                return
            await self.running.change(self.kickoff)

    async def _settle(self) -> None:
        await settle(self._loop)

    async def leave(self) -> None:
        """Leave the engine where it is: what is under way ends, and what waits is forgotten."""
        self.running.ended = True
        tasks = (step.task for step in self.steps.by_path.values())
        await leave({self.kickoff, *filter(None, tasks)})
        self.running.engine.unshadow()

"""Runs one flow, or one inside another, over the journal: with CrewAI's own scheduler.

The engine calls a method; what stands in the place of ``_execute_method`` decides. A step that was
committed gives its output when its turn comes: completions reach the engine one at a time, in the
order in which they were committed, and the engine has done all that follows before the next. Any
other step waits until all of the journal is replayed and the state is restored. Then it runs, and
its end reaches the engine and the journal in the same manner, one at a time: so a replay sees what
the first run saw. Until its turn comes, the engine knows nothing of a body that ended.

A step whose output a person reviews is noted as asked, and stays where it is; the others go on.
When nothing is left that runs, one answered review is given to the engine, with all that follows
from it, and then the next. Then failures: a method that raised has waited for the others. When
nothing is left of these either, the flow waits for a person.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Never

from crewai.flow.async_feedback.types import HumanFeedbackPending
from crewai.flow.flow_definition import FlowHumanFeedbackDefinition

from orchestrator.adapters.runners.crewai.flows import internals, reviews, values
from orchestrator.adapters.runners.crewai.flows.codec import TAG, Lost, Unreadable, Unstorable
from orchestrator.adapters.runners.crewai.flows.internals import AnyFlow, Executed
from orchestrator.adapters.runners.crewai.flows.journal import Journal, Record, join, method_of
from orchestrator.adapters.runners.crewai.flows.loop import leave, settle
from orchestrator.adapters.runners.crewai.flows.outcomes import of_provider
from orchestrator.adapters.runners.crewai.flows.run import Run
from orchestrator.adapters.runners.crewai.flows.scope import (
    Interrupted,
    Paused,
    Scope,
    current,
    inside,
)
from orchestrator.domain.history import Answered, Asked, Committed
from orchestrator.errors import FOREIGN, TaskFailed, cause

CHANGED = (
    "{path} was run before, but the flow does not come to it any more: its code was changed while "
    "the execution was under way. Retry it with the code that it began with"
)


_LONGEST_WAIT = 0.1
"""Seconds that a step's end may wait to be written together with the next write."""


@dataclass(slots=True)
class Step:
    """One call of a method. ``turn`` lets it go on: with its answer, or to raise its failure.

    ``ends`` says that it is the one whose end the engine and the journal are told of now.
    """

    path: str
    record: Record
    turn: asyncio.Future[None]
    task: asyncio.Task[Any] | None
    scope: Scope
    failure: BaseException | None = None
    ends: bool = False
    gone: bool = False


@dataclass(slots=True)
class Replay:
    """One flow while it runs. ``prefix`` is its own path, ``""`` for the execution's flow."""

    run: Run
    flow: AnyFlow
    prefix: str = ""
    ended: bool = False
    live: bool = False
    _engine: internals.Engine = field(init=False)
    _calls: Counter[str] = field(default_factory=Counter)
    _steps: dict[str, Step] = field(default_factory=dict)
    _working: int = 0
    _failing: bool = False
    _interrupted: Interrupted | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _gate: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _turnstile: asyncio.Lock = field(default_factory=asyncio.Lock)
    _alone: AbstractAsyncContextManager[Any] = field(init=False)
    _loop: asyncio.AbstractEventLoop = field(init=False)
    _kickoff: asyncio.Task[Any] = field(init=False)

    @property
    def journal(self) -> Journal:
        """What earlier runs did."""
        return self.run.journal

    @property
    def begun(self) -> bool:
        """Whether an earlier run came to any of the flow's steps."""
        return bool(self.journal.below(self.prefix))

    async def conduct(self, kickoff: Callable[[], Awaitable[Any]]) -> Any:
        """Run to the end, and return the flow's result.

        Raises Paused when nothing is left to do until a person answers, Interrupted, TaskFailed, or
        what a method raised.
        """
        self._loop = asyncio.get_running_loop()
        self._engine = internals.Engine(self.flow)
        self._alone = asyncio.Lock() if self.run.options.one_by_one else nullcontext()
        internals.allow_calls(self.flow, self.run.options.max_method_calls)
        self._engine.shadow(
            self,
            execute_method=self._execute_method,
            review=self._review,
            collapse=self._collapse,
            dispatch=self._dispatch,
            emit_failed=self._emit_failed,
        )
        self._kickoff = self._loop.create_task(_awaited(kickoff))
        try:
            await self._replay()
            return await self._go_on()
        finally:
            await self._leave()

    # From the journal ---------------------------------------------------------------------------

    async def _replay(self) -> None:
        await self._first_call()
        for entry in self.journal.steps_of(self.prefix):
            if isinstance(entry, Committed):
                await self._expect(entry.path)
                step = self._steps[entry.path]
                if not step.turn.done():
                    step.turn.set_result(None)
        await self._settle()
        for entry in self.journal.steps_of(self.prefix):
            if isinstance(entry, Asked) and not self.journal.of(entry.path).cut:
                await self._expect(entry.path)
        if self._kickoff.done():
            return
        self._restore_state()
        self.live = True
        self._gate.set()

    async def _first_call(self) -> None:
        """Wait until the engine has come from the kickoff to its first methods."""
        changed = self._loop.create_task(self._changed.wait())
        await asyncio.wait({self._kickoff, changed}, return_when=asyncio.FIRST_COMPLETED)
        changed.cancel()
        await self._settle()

    async def _expect(self, path: str) -> None:
        await self._settle()
        if self._interrupted:
            raise self._interrupted
        if path not in self._steps:
            if self._failing:
                await self._kickoff  # the engine itself raised
            raise TaskFailed(CHANGED.format(path=path), retryable=False)

    def _restore_state(self) -> None:
        stored = self.journal.last_state(self.prefix)
        if stored is None:
            return
        try:
            fresh = internals.state_value(self.flow)
            internals.put_state(self.flow, self.run.codec.decode_into(stored, fresh))
        except (Unstorable, Unreadable) as error:
            raise TaskFailed(f"The flow cannot go on: {error}", retryable=False) from error

    # Live ---------------------------------------------------------------------------------------

    async def _go_on(self) -> Any:
        answers = self._answers()
        while True:
            await self._quiet()
            if self._kickoff.done():
                return self._kickoff.result()
            step = next((s for s in answers if not s.gone and not s.turn.done()), None)
            failed = next(
                (s for s in self._steps.values() if s.failure and not s.turn.done()), None
            )
            due = step or failed
            if due is None:
                raise Paused
            due.turn.set_result(None)

    def _answers(self) -> list[Step]:
        """The reviews that were answered and not yet given to the engine, in that order."""
        entries = self.journal.steps_of(self.prefix)
        answered = [entry.path for entry in entries if isinstance(entry, Answered)]
        return [self._steps[path] for path in answered if self.journal.of(path).waits_its_turn]

    async def _quiet(self) -> None:
        """Wait until nothing runs any more, or the flow has ended. Raises Interrupted."""
        while True:
            self._changed.clear()
            await self._settle()
            if self._interrupted:
                raise self._interrupted
            if self._kickoff.done():
                return
            waiting = any(not step.gone for step in self._steps.values())
            if waiting and not self._working and not self._failing:
                return
            changed = self._loop.create_task(self._changed.wait())
            await asyncio.wait({self._kickoff, changed}, return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()

    async def _settle(self) -> None:
        await settle(self._loop)

    async def _leave(self) -> None:
        """Leave the engine where it is: what is under way ends, and what waits is forgotten."""
        self.ended = True
        await leave({self._kickoff, *(step.task for step in self._steps.values() if step.task)})
        self._engine.unshadow()

    def working(self, by: int) -> None:
        """Count what runs of the flow's steps, wherever it runs."""
        with self._lock:
            self._working += by
        self._loop.call_soon_threadsafe(self._changed.set)

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
            self._interrupt(error)

    # What stands in the place of the engine's methods -------------------------------------------

    async def _execute_method(
        self, name: str, method: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Executed:
        step = self._called(str(name), args, kwargs)
        try:
            if step.record.committed:
                await step.turn
                return await self._as_committed(step, step.record.committed)
            await self._gate.wait()
            return await self._run_step(step, method)
        except asyncio.CancelledError:
            self._lost_race(step)
            raise
        finally:
            step.gone = True

    def _called(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Step:
        self._calls[name] += 1
        path = join(self.prefix, f"{name}#{self._calls[name]}")
        scope = Scope(path, self, args, kwargs)
        turn: asyncio.Future[None] = self._loop.create_future()
        step = Step(path, self.journal.of(path), turn, asyncio.current_task(), scope)
        self._steps[path] = step
        self._changed.set()
        return step

    async def _as_committed(self, step: Step, committed: Committed) -> Executed:
        try:
            value = values.to_value(self.run.codec, committed.output)
            feedback = values.feedback_of(self.run.codec, committed.output)
        except Unreadable as error:
            message = f"The output of {step.path} cannot be read any more: {error}"
            self._interrupt(Interrupted(TaskFailed(message, retryable=False)))
            await self._park()
        name = method_of(step.path)
        if feedback is None:
            internals.put_back(self.flow, name, value, None)
            return value, None
        feedback = replace(feedback, method_name=name)  # it may have been renamed since
        routes = values.routes(committed.output)
        internals.put_back(self.flow, name, feedback.output if routes else feedback, feedback)
        return (value if routes else feedback), None

    async def _run_step(self, step: Step, method: Callable[..., Any]) -> Executed:
        if step.record.waits_its_turn:
            step.scope.answering = True
            await step.turn
            return await self._live(step, reviews.recorded_body(self, step.record))
        if step.record.is_open or self.journal.waits_below(step.path):
            await self._park()
        return await self._live(step, method)

    async def _live(self, step: Step, method: Callable[..., Any]) -> Executed:
        self.working(+1)
        try:
            async with self._alone:
                self._check_interrupted()
                since = self.run.begun(step.path)
                self._check_arguments(step)
                with inside(step.scope):
                    executed = await self._body(step, method)
                if executed is not None:
                    self._commit(step, since)
        except Interrupted as error:
            self._interrupt(error)
            executed = None
        finally:
            if step.ends:
                step.ends = False
                self._loop.create_task(self._open_turnstile())
            self.working(-1)
        if executed is not None and step.failure is None:
            return executed
        if step.failure is None:
            await self._park()
        step.turn = self._loop.create_future()
        await step.turn
        raise step.failure

    async def _body(self, step: Step, method: Callable[..., Any]) -> Executed | None:
        """Run the body; None where it waits for a person, or failed."""
        before = self._state_before()
        try:
            return await self._engine.execute_method(
                method_of(step.path),
                self._ending_in_turn(step, method),
                *step.scope.args,
                **step.scope.kwargs,
            )
        except HumanFeedbackPending as pending:
            step.failure = reviews.ask(self, step.path, pending.context)
        except Paused:
            self._put_state_back(before)
        except asyncio.CancelledError as error:
            if asyncio.current_task().cancelling():  # type: ignore[union-attr]  # this is a task
                raise
            step.failure = TaskFailed(cause(error))
        except Exception as error:  # noqa: BLE001 - raised again when the others have ended
            step.failure = error
        except FOREIGN as error:  # such as sys.exit(), which would end the event loop
            step.failure = TaskFailed(cause(error))
        return None

    def _ending_in_turn(self, step: Step, method: Callable[..., Any]) -> Callable[..., Any]:
        """The body, whose result the engine has when it is its turn; one that is reviewed, later.

        The engine calls it in a thread, and awaits what that gives.
        """
        if internals.feedback_definition(self.flow, method_of(step.path)) is not None:
            return method

        async def ended(result: Any) -> Any:
            if asyncio.iscoroutine(result):
                result = await result
            await self._end(step)
            return result

        return lambda *args, **kwargs: ended(method(*args, **kwargs))

    async def _end(self, step: Step) -> None:
        """Wait until what follows from the one before has happened. Raises Interrupted."""
        await self._turnstile.acquire()
        step.ends = True
        self._check_interrupted()

    def _commit(self, step: Step, since: float) -> None:
        try:
            output, state = reviews.final_output(self, step.path), self.stored_state()
            self.run.commit(step.path, output, state, since, may_wait=self.may_wait())
        except Unstorable as error:
            step.failure = TaskFailed(f"The flow cannot halt: {error}", retryable=False)

    async def _open_turnstile(self) -> None:
        await self._settle()
        self._turnstile.release()

    def _check_interrupted(self) -> None:
        """Begin and end nothing more once the run cannot go on: it would see what was not kept."""
        if self._interrupted:
            raise self._interrupted

    async def _park(self) -> Never:
        self._changed.set()
        await self._loop.create_future()
        raise AssertionError("nobody answers what waits for a person within a run")

    def _lost_race(self, step: Step) -> None:
        """The engine gave the step up: another was faster."""
        if self.ended:
            return
        step.scope.cut = True
        step.failure = None
        try:
            self.run.cut(step.path)
        except Interrupted as error:
            self._interrupted = error
        self._changed.set()

    def _interrupt(self, error: Interrupted) -> None:
        self._interrupted = self._interrupted or error
        self._changed.set()

    def _check_arguments(self, step: Step) -> None:
        for value in (*step.scope.args, *step.scope.kwargs.values()):
            if isinstance(value, Lost):
                message = (
                    f"{step.path} cannot run: {value.path} was {value.kind}, and was not stored"
                )
                raise Interrupted(TaskFailed(message, retryable=False))

    async def _review(self, name: str, definition: FlowHumanFeedbackDefinition, output: Any) -> Any:
        scope = current()
        assert scope is not None  # noqa: S101 - a review is inside its method's step
        if scope.answering:
            record = self.journal.of(scope.path)
            result = await reviews.answered(self._engine, record, definition, output)
        else:
            result = await self._reviewed(name, definition, output)
        await self._end(self._steps[scope.path])
        return result

    async def _reviewed(
        self, name: str, definition: FlowHumanFeedbackDefinition, output: Any
    ) -> Any:
        if not definition.learn and definition.provider is None:
            # The engine would build a model for the outcome, and nobody asks it.
            definition = definition.model_copy(update={"llm": internals.NO_MODEL})
        return await self._engine.review(name, definition, output)

    def _collapse(self, feedback: str, outcomes: Sequence[str], llm: Any) -> str:
        scope = current()
        if scope is None or not scope.answering:
            return of_provider(feedback, outcomes, llm)
        definition = internals.feedback_definition(self.flow, method_of(scope.path))
        assert definition is not None  # noqa: S101 - it is the review of this method
        return reviews.outcome_of(self.journal.of(scope.path), definition)

    def _dispatch(self, point: Any, context: Any) -> bool:
        scope = current()
        if point in internals.STARTS and self.begun:
            return True  # an earlier run called these hooks
        if point == internals.BEFORE_STEP and scope is not None and scope.answering:
            return True
        return self._engine.dispatch(point, context)

    async def _emit_failed(self, error: BaseException) -> None:
        self._failing = True
        await self._engine.emit_failed(error)

    # State --------------------------------------------------------------------------------------

    def stored_state(self, *, must_be_stored: bool = False) -> Any:
        """The state as it is stored now. While anybody is asked, all of it must have a form."""
        state = internals.state_value(self.flow)
        codec = self.run.codec
        if must_be_stored or self.run.anybody_is_asked:
            return codec.encode_fields(state, "state")
        return codec.encode_fields_or_lose(state, "state")

    def _state_before(self) -> Any:
        if not self.run.options.one_by_one:
            return None
        return self.run.codec.encode_fields_or_lose(internals.state_value(self.flow), "state")

    def _put_state_back(self, stored: Any) -> None:
        """Undo what a body wrote that will run again; nobody else ran meanwhile."""
        if stored is not None and stored[TAG] != "lost":
            fresh = internals.state_value(self.flow)
            internals.put_state(self.flow, self.run.codec.decode_into(stored, fresh))


async def _awaited(kickoff: Callable[[], Awaitable[Any]]) -> Any:
    return await kickoff()

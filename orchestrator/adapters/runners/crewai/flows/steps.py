"""The steps of one flow: what stands in the place of the engine's own methods while it runs.

A step that was committed gives its output when its turn comes. Any other waits until all of the
journal is replayed and the state is restored; then it runs, and its end reaches the engine and the
journal one at a time: so a replay sees what the first run saw. Until its turn comes, the engine
knows nothing of a body that ended.

A step whose output a person reviews is noted as asked, and stays where it is. One that raised
stays, too, until it has its turn.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Never

from crewai.flow.async_feedback.types import HumanFeedbackPending
from crewai.flow.flow_definition import FlowHumanFeedbackDefinition

from orchestrator.adapters.runners.crewai.flows import internals, reviews, values
from orchestrator.adapters.runners.crewai.flows.codec import Lost, Unreadable, Unstorable
from orchestrator.adapters.runners.crewai.flows.internals import Executed
from orchestrator.adapters.runners.crewai.flows.journal import PathRecord, join, method_of
from orchestrator.adapters.runners.crewai.flows.loop import Leavable, settle
from orchestrator.adapters.runners.crewai.flows.outcomes import of_provider
from orchestrator.adapters.runners.crewai.flows.running_flow import RunningFlow
from orchestrator.adapters.runners.crewai.flows.scope import (
    Interrupted,
    Paused,
    Scope,
    current,
    inside,
)
from orchestrator.domain.history import Committed
from orchestrator.errors import FOREIGN, TaskFailed, cause


@dataclass(slots=True)
class Step:
    """One call of a method. ``turn`` lets it go on: with its answer, or to raise its failure.

    ``ends`` says that it is the one whose end the engine and the journal are told of now.
    """

    path: str
    record: PathRecord
    turn: asyncio.Future[None]
    task: asyncio.Task[Any] | None
    scope: Scope
    failure: BaseException | None = None
    ends: bool = False
    gone: bool = False

    @property
    def waits(self) -> bool:
        """Whether it still waits for its turn."""
        return not self.turn.done()

    def have_turn(self) -> None:
        """Let it go on. Doing it twice changes nothing."""
        if self.waits:
            self.turn.set_result(None)


@dataclass(slots=True)
class Steps:
    """The steps that the engine has come to, by path. ``live`` lets those go on that run."""

    running: RunningFlow
    by_path: dict[str, Step] = field(default_factory=dict)
    live: asyncio.Event = field(default_factory=asyncio.Event)
    _calls: Counter[str] = field(default_factory=Counter)
    _turnstile: asyncio.Lock = field(default_factory=asyncio.Lock)
    _alone: AbstractAsyncContextManager[Any] = field(init=False)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def __post_init__(self) -> None:
        """Stand in the place of the engine's methods."""
        options = self.running.run.options
        self._alone = asyncio.Lock() if options.one_by_one else nullcontext()
        self.running.engine.shadow(
            self.running,
            execute_method=self._execute_method,
            review=self._review,
            collapse=self._collapse,
            dispatch=self._dispatch,
            emit_failed=self._emit_failed,
        )

    # A call of a method -------------------------------------------------------------------------

    async def _execute_method(
        self, name: str, method: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Executed:
        step = self._called(str(name), args, kwargs)
        try:
            if step.record.committed:
                await step.turn
                return await self._as_committed(step, step.record.committed)
            await self.live.wait()
            return await self._run_step(step, method)
        except asyncio.CancelledError:
            self._lost_race(step)
            raise
        finally:
            step.gone = True

    def _called(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Step:
        self._calls[name] += 1
        path = join(self.running.prefix, f"{name}#{self._calls[name]}")
        scope = Scope(path, self.running, args, kwargs)
        turn: asyncio.Future[None] = self._loop.create_future()
        step = Step(path, self.running.journal.of(path), turn, asyncio.current_task(), scope)
        self.by_path[path] = step
        self.running.tell()
        return step

    async def _as_committed(self, step: Step, committed: Committed) -> Executed:
        codec, flow = self.running.run.codec, self.running.flow
        try:
            value = values.to_value(codec, committed.output)
            feedback = values.feedback_of(codec, committed.output)
        except Unreadable as error:
            message = f"The output of {step.path} cannot be read any more: {error}"
            self.running.interrupt(Interrupted(TaskFailed(message, retryable=False)))
            await self._park()
        name = method_of(step.path)
        if feedback is None:
            internals.put_back(flow, name, value, None)
            return value, None
        routes = values.routes(committed.output)
        if isinstance(feedback, Lost):  # what was committed after it needs it no more
            internals.put_back(flow, name, feedback, feedback)
            return (value if routes else feedback), None
        feedback = replace(feedback, method_name=name)  # it may have been renamed since
        internals.put_back(flow, name, feedback.output if routes else feedback, feedback)
        return (value if routes else feedback), None

    async def _run_step(self, step: Step, method: Callable[..., Any]) -> Executed:
        if step.record.waits_its_turn:
            step.scope.answering = True
            await step.turn
            return await self._live(step, reviews.recorded_body(self.running, step.record))
        if step.record.is_open or self.running.journal.waits_below(step.path):
            await self._park()
        return await self._live(step, method)

    async def _live(self, step: Step, method: Callable[..., Any]) -> Executed:
        self.running.working(+1)
        try:
            async with self._alone:
                self.running.check_interrupted()
                since = self.running.run.begun(step.path)
                _check_arguments(step)
                with inside(step.scope):
                    executed = await self._body(step, method)
                if executed is not None:
                    self._commit(step, since)
        except Interrupted as error:
            self.running.interrupt(error)
            executed = None
        finally:
            self.running.run.leave(step.path)
            if step.ends:
                step.ends = False
                self._loop.create_task(self._open_turnstile())
            self.running.working(-1)
        if executed is not None and step.failure is None:
            return executed
        if step.failure is None:
            await self._park()
        step.turn = self._loop.create_future()
        await step.turn
        raise step.failure

    async def _body(self, step: Step, method: Callable[..., Any]) -> Executed | None:
        """Run the body; None where it waits for a person, or failed."""
        before = self.running.state_before()
        try:
            return await self.running.engine.execute_method(
                method_of(step.path),
                self._ending_in_turn(step, method),
                *step.scope.args,
                **step.scope.kwargs,
            )
        except HumanFeedbackPending as pending:
            step.failure = reviews.ask(self.running, step.path, pending.context)
            if step.failure is None:
                return None
        except Paused:
            pass
        except asyncio.CancelledError as error:
            if asyncio.current_task().cancelling():  # type: ignore[union-attr]  # this is a task
                raise
            step.failure = TaskFailed(cause(error))
        except Exception as error:
            if isinstance(step.scope.left, Interrupted):
                raise step.scope.left from error
            step.failure = None if step.scope.left else error
        except FOREIGN as error:  # such as sys.exit(), which would end the event loop
            step.failure = TaskFailed(cause(error))
        self.running.put_state_back(before)
        return None

    def _ending_in_turn(self, step: Step, method: Callable[..., Any]) -> Callable[..., Any]:
        """The body, whose result the engine has when it is its turn; one that is reviewed, later.

        The engine calls it in a thread, and awaits what that gives where the step lost no race.
        """
        if internals.feedback_definition(self.running.flow, method_of(step.path)) is not None:
            return method

        async def ended(result: Any) -> Any:
            if asyncio.iscoroutine(result):
                result = await result
            step.scope.check_left()
            await self._end(step)
            return result

        def in_thread(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            return Leavable(ended(result), result)

        return in_thread

    async def _end(self, step: Step) -> None:
        """Wait until what follows from the one before has happened. Raises Interrupted."""
        await self._turnstile.acquire()
        step.ends = True
        self.running.check_interrupted()

    def _commit(self, step: Step, since: float) -> None:
        running = self.running
        try:
            output, state = reviews.final_output(running, step.path), running.stored_state()
            running.run.commit(step.path, output, state, since, may_wait=running.may_wait())
        except Unstorable as error:
            step.failure = TaskFailed(f"The flow cannot halt: {error}", retryable=False)

    async def _open_turnstile(self) -> None:
        await settle(self._loop)
        self._turnstile.release()

    async def _park(self) -> Never:
        self.running.tell()
        await self._loop.create_future()
        raise AssertionError("nobody answers what waits for a person within a run")

    def _lost_race(self, step: Step) -> None:
        """The engine gave the step up: another was faster."""
        if self.running.ended:
            return
        step.scope.cut = True
        step.failure = None
        try:
            self.running.run.cut(step.path)
        except Interrupted as error:
            self.running.interrupt(error)
        self.running.tell()

    # A method that is reviewed ------------------------------------------------------------------

    async def _review(self, name: str, definition: FlowHumanFeedbackDefinition, output: Any) -> Any:
        scope = current()
        assert scope is not None  # noqa: S101 - a review is inside its method's step
        if scope.answering:
            record = self.running.journal.of(scope.path)
            result = await reviews.answered(self.running.engine, record, definition, output)
        else:
            scope.check_left()
            result = await self._reviewed(name, definition, output)
        await self._end(self.by_path[scope.path])
        return result

    async def _reviewed(
        self, name: str, definition: FlowHumanFeedbackDefinition, output: Any
    ) -> Any:
        if not definition.learn and definition.provider is None:
            # The engine would build a model for the outcome, and nobody asks it.
            definition = definition.model_copy(update={"llm": internals.NO_MODEL})
        return await self.running.engine.review(name, definition, output)

    def _collapse(self, feedback: str, outcomes: Sequence[str], llm: Any) -> str:
        scope = current()
        if scope is None or not scope.answering:
            return of_provider(feedback, outcomes, llm)
        definition = internals.feedback_definition(self.running.flow, method_of(scope.path))
        assert definition is not None  # noqa: S101 - it is the review of this method
        return reviews.outcome_of(self.running.journal.of(scope.path), definition)

    # What the engine tells ----------------------------------------------------------------------

    def _dispatch(self, point: Any, context: Any) -> bool:
        scope = current()
        if point in internals.STARTS and self.running.begun:
            return True  # an earlier run called these hooks
        if point == internals.BEFORE_STEP and scope is not None and scope.answering:
            return True
        return self.running.engine.dispatch(point, context)

    async def _emit_failed(self, error: BaseException) -> None:
        self.running.failing = True
        await self.running.engine.emit_failed(error)


def _check_arguments(step: Step) -> None:
    for value in (*step.scope.args, *step.scope.kwargs.values()):
        if isinstance(value, Lost):
            message = f"{step.path} cannot run: {value.path} was {value.kind}, and was not stored"
            raise Interrupted(TaskFailed(message, retryable=False))

"""Crews and flows inside the body of a method: each is kept below the method's step.

CrewAI's own methods are wrapped, once in a process. What is called outside a flow of ours, and
CrewAI's own flows (an agent's executor is one), goes through unchanged.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from contextvars import copy_context
from dataclasses import replace
from typing import Any

from crewai import Crew, Flow, Task
from crewai.tasks.task_output import TaskOutput
from crewai.utilities.formatter import DIVIDERS

from orchestrator.adapters.runners.crewai import outputs
from orchestrator.adapters.runners.crewai.flows import internals
from orchestrator.adapters.runners.crewai.flows.identity import Identity
from orchestrator.adapters.runners.crewai.flows.journal import PathRecord, is_task
from orchestrator.adapters.runners.crewai.flows.replay import conduct
from orchestrator.adapters.runners.crewai.flows.reporting import of_task, report_steps_of
from orchestrator.adapters.runners.crewai.flows.scope import (
    Interrupted,
    Paused,
    Scope,
    current,
    inside_task,
)
from orchestrator.adapters.runners.crewai.retries import agents_of, retry_in_one_place
from orchestrator.domain.canonical import digest
from orchestrator.domain.history import Answered, Asked
from orchestrator.domain.output import Output
from orchestrator.domain.plan import unique_names
from orchestrator.domain.question import Question, QuestionKind
from orchestrator.domain.work import own_round, still_told, words_on_other


def _as_said(path: str, number: int, asked: Asked, answer: Answered) -> Answered:
    """An answer as a crew's own tasks would get it: with the task's short name and its round."""
    return replace(answer, name=_short(path), round=number, output=asked.output)


def install() -> None:
    """Wrap CrewAI's methods. Doing it twice changes nothing."""
    internals.wrap(Crew, "kickoff", _kickoff)
    internals.wrap(Crew, "akickoff", _akickoff)
    internals.wrap(Task, "execute_sync", _execute_sync)
    internals.wrap(Task, "execute_async", _execute_async)
    internals.wrap(Task, "aexecute_sync", _aexecute_sync)
    internals.wrap(Flow, "kickoff_async", _flow_kickoff_async)
    internals.wrap(internals.CREWS, "create_chunk_generator", _chunks)


# Crews -----------------------------------------------------------------------------------------


def _kickoff(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def kickoff(crew: Crew, *args: Any, **kwargs: Any) -> Any:
        scope = current()
        if scope is None:
            return original(crew, *args, **kwargs)
        _prepare(crew, scope)
        scope.running.working(+1)
        try:
            with internals.without_terminal(), scope.crew_at_work(_inputs(scope, args, kwargs)):
                return original(crew, *args, **kwargs)
        finally:
            scope.running.working(-1)

    return kickoff


def _akickoff(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def akickoff(crew: Crew, *args: Any, **kwargs: Any) -> Any:
        scope = current()
        if scope is None:
            return await original(crew, *args, **kwargs)
        _prepare(crew, scope)
        scope.running.working(+1)
        try:
            with internals.without_terminal(), scope.crew_at_work(_inputs(scope, args, kwargs)):
                return await original(crew, *args, **kwargs)
        finally:
            scope.running.working(-1)

    return akickoff


def _chunks(original: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    @functools.wraps(original)
    def chunks(state: Any, kickoff: Callable[[], None], *args: Any) -> Iterator[Any]:
        """A crew that streams runs in a thread: what leaves the body there leaves it here, too."""
        left: list[BaseException] = []

        def run() -> None:
            try:
                kickoff()
            except (Paused, Interrupted) as leaving:
                left.append(leaving)

        yield from original(state, run, *args)
        if left:
            raise left[0]

    return chunks


def _prepare(crew: Crew, scope: Scope) -> None:
    scope.check()
    internals.keep_out_of_replay_table(crew)
    retry_in_one_place(crew)
    scope.running.run.spending.watch(crew)
    for agent in agents_of(crew):
        report_steps_of(agent, crew.step_callback)


def _look_after_manager(agent: Any, scope: Scope) -> None:
    """A crew makes its manager once it has been kicked off, and perhaps the manager's model."""
    crew = getattr(agent, "crew", None)
    if isinstance(crew, Crew) and crew.manager_agent is agent:
        retry_in_one_place(crew)
        scope.running.run.spending.watch(crew)


def _inputs(scope: Scope, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The digest of what a crew is kicked off with."""
    inputs = kwargs.get("inputs", args[0] if args else None)
    return digest(scope.running.run.codec.encode_or_lose(inputs or {}, "inputs"))


# Tasks of crews --------------------------------------------------------------------------------


class _TaskRun:
    """One task of a crew inside the body of a method."""

    def __init__(self, scope: Scope, task: Task, agent: Any, context: str | None) -> None:
        self._scope = scope
        self._run = scope.running.run
        self._task = task
        self._agent = agent or task.agent
        self._name = _name_of(task, self._agent)
        self._here = scope.here
        inputs = scope.crew.inputs if scope.crew else ""
        self._identity = Identity.of(inputs, task.description, context)
        self._record = scope.claim(f"task:{self._name}~", self._likeness)
        self._since = 0.0

    def _likeness(self, record: PathRecord) -> int:
        return self.identity().likeness(record, self._run.journal)

    def identity(self) -> Identity:
        """What tells it apart from others of its name, by what is known now."""
        return replace(self._identity, beside=self._scope.is_beside(self._here))

    @property
    def path(self) -> str:
        """Where it stands in the execution."""
        return self._record.path

    def earlier(self) -> TaskOutput | None:
        """What the task gave in an earlier run, None where it has to run.

        Raises Paused where a person is being asked about it.
        """
        self._scope.check()
        self._run.check()
        if (final := self._record.final) is not None:
            self._task.output = outputs.to_task(final, self._task)
            return self._task.output
        if self._record.is_open:
            raise Paused
        return None

    def begin(self, context: str | None) -> str | None:
        """Begin to run; returns the context, with what people said so far."""
        self._since = self._run.begun(self._record.path)
        if self._agent is not None:
            report_steps_of(self._agent, None)
            _look_after_manager(self._agent, self._scope)
        return DIVIDERS.join(part for part in (context, *self._remarks()) if part) or context

    def _remarks(self) -> tuple[str, ...]:
        """What people said in this body of this task and of others, as a crew's own run has it."""
        journal = self._run.journal
        beside = [
            record
            for record in journal.records_below(self._scope.path)
            if _is_task_of(self._scope, record.path)
        ]
        others = [
            words_on_other(_as_said(record.path, number, asked, answer))
            for record in beside
            if record.path != self._record.path
            for number, (asked, answer) in enumerate(record.rounds, start=1)
            if answer is not None and answer.is_for(self._name)
        ]
        own = [
            _as_said(self._record.path, number, asked, answer)
            for number, (asked, answer) in enumerate(self._record.rounds, start=1)
            if answer is not None
        ]
        return (*others, *map(own_round, still_told(own)))

    @contextmanager
    def body(self) -> Iterator[None]:
        """Surround the task while it runs: it is left whatever comes of it."""
        try:
            with of_task(self._run, self._task.description), inside_task(self.path):
                yield
        finally:
            self._run.leave(self.path)

    def end(self, output: TaskOutput) -> TaskOutput:
        """Commit the output, or have a person judge it. Raises Paused."""
        self._scope.check()
        self._scope.check_left(self.path)
        stored = outputs.from_task(output, {})
        if not self._task.human_input:
            self._run.commit(self._record.path, stored, since=self._since)
            return output
        question = Question(QuestionKind.JUDGE, self._record.path, self._record.path)
        ask_inside(self._scope, question, outputs.editable(stored, self._task))
        raise Paused


@contextmanager
def _at_work(scope: Scope, task: Task, agent: Any, context: str | None) -> Iterator[_TaskRun]:
    """Execute a task of the crew that is at work, or one on its own."""
    with nullcontext() if scope.crew else scope.crew_at_work():
        one = _TaskRun(scope, task, agent, context)
        tasks = scope.running.run.tasks
        tasks[one.path] = one.identity
        try:
            yield one
        finally:
            tasks.pop(one.path, None)


def ask_inside(scope: Scope, question: Question, output: Output) -> None:
    """Have a person asked in the middle of a body, which will run again.

    Raises Interrupted where it could not, since something cannot be stored.
    """
    scope.running.run.ask(question, output, scope.storable_state(question.path))


def _name_of(task: Task, agent: Any) -> str:
    """The task's name as in the plan of its crew; else the beginning of its key."""
    tasks = getattr(getattr(agent, "crew", None), "tasks", None) or []
    for own, name in zip(tasks, unique_names([one.name for one in tasks]), strict=True):
        if own is task:
            return name
    return task.name or task.key[:8]


def _is_task_of(scope: Scope, path: str) -> bool:
    """Whether this is a task of the body itself, or of a crew inside one; not of a flow's there."""
    return is_task(path) and "/flow:" not in path.removeprefix(scope.path)


def _short(path: str) -> str:
    return path.rpartition("/task:")[2].rpartition("~")[0]


def _execute_sync(original: Callable[..., TaskOutput]) -> Callable[..., Any]:
    @functools.wraps(original)
    def execute_sync(
        task: Task, agent: Any = None, context: str | None = None, tools: Any = None
    ) -> TaskOutput:
        scope = current()
        if scope is None:
            return original(task, agent, context, tools)
        with _at_work(scope, task, agent, context) as one:
            if (output := one.earlier()) is not None:
                return output
            context = one.begin(context)
            with one.body():
                output = original(task, agent, context, tools)
            return one.end(output)

    return execute_sync


def _aexecute_sync(original: Callable[..., Awaitable[TaskOutput]]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def aexecute_sync(
        task: Task, agent: Any = None, context: str | None = None, tools: Any = None
    ) -> TaskOutput:
        scope = current()
        if scope is None:
            return await original(task, agent, context, tools)
        with _at_work(scope, task, agent, context) as one:
            if (output := one.earlier()) is not None:
                return output
            context = one.begin(context)
            with one.body():
                output = await original(task, agent, context, tools)
            return one.end(output)

    return aexecute_sync


def _execute_async(original: Callable[..., Future[TaskOutput]]) -> Callable[..., Any]:
    @functools.wraps(original)
    def execute_async(
        task: Task, agent: Any = None, context: str | None = None, tools: Any = None
    ) -> Future[TaskOutput]:
        scope = current()
        if scope is None:
            return original(task, agent, context, tools)
        future: Future[TaskOutput] = Future()

        def work() -> None:
            try:
                future.set_result(task.execute_sync(agent, context, tools))
            except BaseException as error:  # noqa: BLE001 - CrewAI's own catches Exception alone
                future.set_exception(error)
            finally:
                scope.running.working(-1)

        scope.running.working(+1)
        threading.Thread(target=copy_context().run, args=(work,), daemon=True).start()
        return future

    return execute_async


# Flows -----------------------------------------------------------------------------------------


def _flow_kickoff_async(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def kickoff_async(
        flow: internals.AnyFlow, inputs: dict[str, Any] | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        scope = current()
        through = scope is None or internals.is_internal(flow) or internals.owner_of(flow)
        if scope is None or through or flow.stream:
            return await original(flow, inputs, *args, **kwargs)
        scope.check()
        record = scope.claim(f"flow:{type(flow).__name__}{_mark(scope, inputs)}~")
        kickoff = functools.partial(original, flow, inputs, *args, **kwargs)
        return await conduct(scope.running.run, flow, kickoff, record.path, scope)

    return kickoff_async


def _mark(scope: Scope, inputs: dict[str, Any] | None) -> str:
    """What tells two flows of one class apart that run side by side: their inputs."""
    if not inputs:
        return ""
    stored = scope.running.run.codec.encode_or_lose(inputs, "inputs")
    return f"({digest(stored).partition(':')[2][:8]})"

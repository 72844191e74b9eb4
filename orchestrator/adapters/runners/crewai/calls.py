"""Calls of models and tools through the journal: what it has the answer of is not called.

CrewAI's own methods are wrapped, once in a process (``internals``). What is called outside a run of
ours goes through unchanged. So does a model inside the call of a model (one that delegates to
another, or calls itself again), and a tool inside itself: what is journalled is the outer call. A
call that a tool makes, as when an agent delegates, is journalled beside that of the tool.

A call that a person has to approve first is not made: the run leaves CrewAI from inside the call,
by what is no Exception, which CrewAI would tell the model.
"""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Never

from crewai.llms.base_llm import BaseLLM
from crewai.utilities.string_utils import sanitize_tool_name
from pydantic import BaseModel

from orchestrator.adapters.runners.crewai import internals
from orchestrator.adapters.runners.crewai.flows.codec import TAG, Codec, Unstorable
from orchestrator.adapters.runners.crewai.flows.scope import Paused
from orchestrator.adapters.runners.crewai.metering import CallMeter
from orchestrator.domain.calls import AskedCall, CallKind
from orchestrator.domain.canonical import Json, JsonObject, digest, encode
from orchestrator.ports import CallJournal, HeldCall, LiveCall, ServedAnswer

Through = Callable[..., Any]

_CODEC = Codec(lambda _module: True)
"""Answers are objects of whichever library asks the model. The codec builds data alone, of classes
that are loaded already, and runs none of their code."""
_TYPED = "response"
"""What tags an answer in the form that the caller asked for: it is validated by that form again."""
_METER = CallMeter()
_ORDER = ("messages", "tools", "callbacks", "available_functions", "from_task", "from_agent")
_OF_CALLER = frozenset({"callbacks", "available_functions", "from_task", "from_agent"})
_SETTINGS = ("temperature", "top_p", "max_tokens", "seed", "n", "stop_sequences")


@dataclass(frozen=True, slots=True)
class Journalled:
    """A run whose calls are journalled. ``step`` says inside which step something is called.

    ``through`` does what may raise ClaimLost in such a way that no ``except Exception`` of
    CrewAI's takes it for a failed call. ``before_hold`` is called, through that, with the step that
    is to be left until a person has answered.
    """

    journal: CallJournal
    step: Callable[[], str]
    through: Through
    before_hold: Callable[[str], None]

    def hold(self, call: HeldCall, fits: JsonObject | None) -> Never:
        """Have a person asked, and leave. Raises Paused."""
        self.through(self.before_hold, call.asked.step)
        self.through(self.journal.hold, call, fits)
        raise Paused


_run: ContextVar[Journalled | None] = ContextVar("_run", default=None)
_model: ContextVar[str] = ContextVar("_model", default="")
"""The digest of the call of a model inside which this is called; empty outside of all."""
_tool: ContextVar[object] = ContextVar("_tool", default=None)


@contextmanager
def journalled(
    journal: CallJournal | None,
    step: Callable[[], str],
    through: Through,
    before_hold: Callable[[str], None] = lambda _: None,
) -> Iterator[None]:
    """Have the calls that are made meanwhile, in this context, go through the journal."""
    if journal is not None:
        internals.wrap_calls(_wrap_model, _wrap_model_async, _wrap_tool, _wrap_tool_async)
    run = None if journal is None else Journalled(journal, step, through, before_hold)
    token = _run.set(run)
    try:
        yield
    finally:
        _run.reset(token)


@dataclass(slots=True)
class _Call:
    """One call that is asked of the journal, and then perhaps made."""

    run: Journalled
    asked: AskedCall
    model: BaseLLM | None = None
    form: type[BaseModel] | None = None
    tool: Any = None
    live: LiveCall | None = field(default=None, init=False)

    def begin(self) -> Any:
        """The answer that the journal has; else ``_NOTHING``, and the call has to be made.

        Raises Paused where a person has to approve that.
        """
        given = self.run.through(self.run.journal.ask, self.asked, self._decoded)
        if isinstance(given, ServedAnswer):
            return given.value
        if isinstance(given, HeldCall):
            self.run.hold(given, internals.arguments_schema(self.tool))
        self.live = given
        if self.model is not None:
            _METER.begin(self.model)
        return _NOTHING

    def end(self, answer: Any) -> None:
        """Record what was answered."""
        usage = self._usage()
        stored, why = self._encoded(answer)
        self.run.through(self.run.journal.answered, self.live, stored, usage, why)

    def fail(self, error: BaseException) -> None:
        """The call raised. What interrupts it from outside says nothing of what it did."""
        self._usage()
        if isinstance(error, Exception) and not internals.is_from_outside(error):
            self.run.through(self.run.journal.failed, self.live)

    def given(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What the tool is called with: as CrewAI gives it, or as a person edited it."""
        if self.live is None or self.live.arguments is None:
            return args, kwargs
        return internals.with_arguments(self.tool, args, kwargs, self.live.arguments)

    def _usage(self) -> Mapping[str, int]:
        return {} if self.model is None else _METER.end(self.model)

    def _encoded(self, answer: Any) -> tuple[Json, str]:
        try:
            if self.form is not None and type(answer) is self.form:
                return {TAG: _TYPED, "v": answer.model_dump(mode="json")}, ""
            return _CODEC.encode(answer, "its answer"), ""
        except (Unstorable, TypeError, ValueError) as error:
            return None, str(error)

    def _decoded(self, stored: Json) -> Any:
        if isinstance(stored, Mapping) and stored.get(TAG) == _TYPED and self.form is not None:
            return self.form.model_validate(stored["v"])
        return _CODEC.decode(stored)


_NOTHING = object()


# Models ----------------------------------------------------------------------------------------


def _model_call(model: BaseLLM, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Call | None:
    run = _run.get()
    if run is None or _model.get() or not run.journal.is_open:
        return None
    given = {**dict(zip((*_ORDER, "response_model"), args, strict=False)), **kwargs}
    question = {
        "by": f"{type(model).__module__}.{type(model).__qualname__}",
        "model": model.model,
        "settings": {name: getattr(model, name, None) for name in _SETTINGS},
        "given": {
            name: value
            for name, value in given.items()
            if name not in _OF_CALLER and value is not None
        },
    }
    form = given.get("response_model")
    asked = _asked(run, CallKind.MODEL, model.model, question)
    return _Call(run, asked, model, form if isinstance(form, type) else None)


def _wrap_model(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(model: BaseLLM, *args: Any, **kwargs: Any) -> Any:
        made = _model_call(model, args, kwargs)
        if made is None:
            return original(model, *args, **kwargs)
        asked = made.asked.digest or made.asked.kind
        return _made(made, _model, asked, lambda: original(model, *args, **kwargs))

    return call


def _wrap_model_async(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def acall(model: BaseLLM, *args: Any, **kwargs: Any) -> Any:
        made = _model_call(model, args, kwargs)
        if made is None:
            return await original(model, *args, **kwargs)
        asked = made.asked.digest or made.asked.kind
        return await _made_async(made, _model, asked, lambda: original(model, *args, **kwargs))

    return acall


# Tools -----------------------------------------------------------------------------------------


def _tool_call(tool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Call | None:
    run = _run.get()
    if run is None or internals.is_same_tool(_tool.get(), tool):
        return None
    name = sanitize_tool_name(tool.name)
    if not run.journal.is_open:
        if run.journal.guards(name):  # a thread that was left behind
            raise Paused
        return None
    given = internals.arguments_of(tool, args, kwargs)
    asked = _asked(run, CallKind.TOOL, name, given)
    if (model := _model.get()) and asked.digest:
        # The model calls it by itself, and is asked again when the task runs again: the same call
        # is one that follows from the same question.
        asked = replace(asked, digest=digest([asked.digest, model]))
    return _Call(run, asked, tool=tool)


def _wrap_tool(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def run(tool: Any, *args: Any, **kwargs: Any) -> Any:
        made = _tool_call(tool, args, kwargs)
        if made is None:
            return original(tool, *args, **kwargs)
        with _outside_model():
            answer = _made(made, _tool, tool, lambda: _use(original, made, args, kwargs))
        if made.live is None:
            internals.count_use(tool)
        return answer

    return run


def _wrap_tool_async(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def arun(tool: Any, *args: Any, **kwargs: Any) -> Any:
        made = _tool_call(tool, args, kwargs)
        if made is None:
            return await original(tool, *args, **kwargs)
        with _outside_model():
            use = functools.partial(_use, original, made, args, kwargs)
            answer = await _made_async(made, _tool, tool, use)
        if made.live is None:
            internals.count_use(tool)
        return answer

    return arun


def _use(
    original: Callable[..., Any], call: _Call, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    given, named = call.given(args, kwargs)
    return original(call.tool, *given, **named)


# Both ------------------------------------------------------------------------------------------


@contextmanager
def _outside_model() -> Iterator[None]:
    """A model may call tools itself, and these other models."""
    token = _model.set("")
    try:
        yield
    finally:
        _model.reset(token)


def _made(call: _Call, mark: ContextVar[Any], value: object, make: Callable[[], Any]) -> Any:
    served = call.begin()
    if served is not _NOTHING:
        return served
    token = mark.set(value)
    try:
        answer = make()
    except BaseException as error:
        call.fail(error)
        raise
    finally:
        mark.reset(token)
    call.end(answer)
    return answer


async def _made_async(
    call: _Call, mark: ContextVar[Any], value: object, make: Callable[[], Any]
) -> Any:
    """The same; the journal is written in a thread, so that the event loop goes on."""
    served = await asyncio.to_thread(call.begin)
    if served is not _NOTHING:
        return served
    token = mark.set(value)
    try:
        answer = await make()
    except BaseException as error:
        call.fail(error)
        raise
    finally:
        mark.reset(token)
    await asyncio.to_thread(call.end, answer)
    return answer


def _asked(run: Journalled, kind: CallKind, name: str, question: Any) -> AskedCall:
    try:
        plain = json.loads(json.dumps(question, default=_plain, sort_keys=True))
        encode(plain)
    except (TypeError, ValueError, RecursionError) as error:
        return AskedCall(run.step(), kind, name, "", unstorable=f"cannot be stored: {error}")
    shown = plain if kind is CallKind.TOOL else None
    return AskedCall(run.step(), kind, name, digest(plain), shown)


def _plain(value: object) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, type) and issubclass(value, BaseModel):
        return value.model_json_schema()
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{type(value).__qualname__} has no JSON form")

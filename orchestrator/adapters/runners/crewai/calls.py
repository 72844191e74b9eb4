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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, TypeAlias

from crewai.llms.base_llm import BaseLLM
from crewai.utilities.string_utils import sanitize_tool_name

from orchestrator.adapters.runners.crewai import internals
from orchestrator.adapters.runners.crewai.flows.scope import Paused
from orchestrator.adapters.runners.crewai.journalled_call import (
    NOTHING,
    Journalled,
    JournalledCall,
    Through,
    asked_in,
)
from orchestrator.domain.calls import CallKind
from orchestrator.domain.canonical import digest
from orchestrator.ports import CallJournal

CallOf: TypeAlias = "Callable[[Any, tuple[Any, ...], dict[str, Any]], JournalledCall | None]"
"""How a model or a tool, called with these arguments, is asked of the journal; None for not."""

_ORDER = ("messages", "tools", "callbacks", "available_functions", "from_task", "from_agent")
_OF_CALLER = frozenset({"callbacks", "available_functions", "from_task", "from_agent"})
_SETTINGS = ("temperature", "top_p", "max_tokens", "seed", "n", "stop_sequences")


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
        internals.wrap_calls(
            _wrap(_model_call), _wrap_async(_model_call), _wrap(_tool_call), _wrap_async(_tool_call)
        )
    run = None if journal is None else Journalled(journal, step, through, before_hold)
    token = _run.set(run)
    try:
        yield
    finally:
        _run.reset(token)


# Models ----------------------------------------------------------------------------------------


def _model_call(
    model: BaseLLM, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> JournalledCall | None:
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
    asked = asked_in(run, CallKind.MODEL, model.model, question)
    inside = asked.digest or asked.kind
    form = form if isinstance(form, type) else None
    return JournalledCall(run, asked, _model, inside, model=model, form=form)


# Tools -----------------------------------------------------------------------------------------


def _tool_call(tool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> JournalledCall | None:
    run = _run.get()
    if run is None or internals.is_same_tool(_tool.get(), tool):
        return None
    name = sanitize_tool_name(tool.name)
    if not run.journal.is_open:
        if run.journal.guards(name):  # a thread that was left behind
            raise Paused
        return None
    given = internals.arguments_of(tool, args, kwargs)
    asked = asked_in(run, CallKind.TOOL, name, given)
    if (model := _model.get()) and asked.digest:
        # The model calls it by itself, and is asked again when the task runs again: the same call
        # is one that follows from the same question.
        asked = replace(asked, digest=digest([asked.digest, model]))
    return JournalledCall(run, asked, _tool, tool, tool=tool)


# Both ------------------------------------------------------------------------------------------


def _wrap(call_of: CallOf) -> internals.CallWrapper:
    """What asks the journal before it calls."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def call(callee: Any, /, *args: Any, **kwargs: Any) -> Any:
            asked = call_of(callee, args, kwargs)
            if asked is None:
                return original(callee, *args, **kwargs)
            with _around(asked):
                served = asked.begin()
                if served is not NOTHING:
                    return served
                with asked.under_way():
                    given, named = asked.given(args, kwargs)
                    answer = original(callee, *given, **named)
                asked.end(answer)
            return answer

        return call

    return wrap


def _wrap_async(call_of: CallOf) -> internals.CallWrapper:
    """The same; the journal is written in a thread, so that the event loop goes on."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def acall(callee: Any, /, *args: Any, **kwargs: Any) -> Any:
            asked = call_of(callee, args, kwargs)
            if asked is None:
                return await original(callee, *args, **kwargs)
            with _around(asked):
                served = await asyncio.to_thread(asked.begin)
                if served is not NOTHING:
                    return served
                with asked.under_way():
                    given, named = asked.given(args, kwargs)
                    answer = await original(callee, *given, **named)
                await asyncio.to_thread(asked.end, answer)
            return answer

        return acall

    return wrap


@contextmanager
def _around(call: JournalledCall) -> Iterator[None]:
    """A model may call tools itself, and these other models.

    A use of a tool counts also where it was served.
    """
    if call.tool is None:
        yield
        return
    token = _model.set("")
    try:
        yield
    finally:
        _model.reset(token)
    if call.live is None:
        internals.count_use(call.tool)

"""One call of a model or a tool: what the journal is asked, and what it is told of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Never

from crewai.llms.base_llm import BaseLLM
from pydantic import BaseModel

from orchestrator.adapters.runners.crewai import internals
from orchestrator.adapters.runners.crewai.flows.codec import TAG, Codec, Unstorable
from orchestrator.adapters.runners.crewai.flows.scope import Paused
from orchestrator.adapters.runners.crewai.metering import CallMeter
from orchestrator.domain.calls import AskedCall, CallKind
from orchestrator.domain.canonical import Json, JsonObject, digest, encode
from orchestrator.ports import CallJournal, HeldCall, LiveCall, ServedAnswer

Through = Callable[..., Any]

NOTHING = object()
"""What is no answer of any call."""

_CODEC = Codec(lambda _module: True)
"""Answers are objects of whichever library asks the model. The codec builds data alone, of classes
that are loaded already, and runs none of their code."""
_TYPED = "response"
"""What tags an answer in the form that the caller asked for: it is validated by that form again."""
_METER = CallMeter()


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


@dataclass(slots=True)
class JournalledCall:
    """One call that is asked of the journal, and then perhaps made.

    While it is made, ``mark`` says that what is called meanwhile is called ``inside`` it, and has
    it ``around``. It is ``left`` where a person has to approve a call inside it.
    """

    run: Journalled
    asked: AskedCall
    mark: ContextVar[Any]
    inside: object
    model: BaseLLM | None = None
    form: type[BaseModel] | None = None
    tool: Any = None
    live: LiveCall | None = field(default=None, init=False)
    around: JournalledCall | None = field(default=None, init=False)
    left: bool = field(default=False, init=False)

    def begin(self) -> Any:
        """The answer that the journal has; else ``NOTHING``, and the call has to be made.

        Raises Paused where a person has to approve that.
        """
        given = self.run.through(self.run.journal.ask, self.asked, self._decoded)
        if isinstance(given, ServedAnswer):
            return given.value
        if isinstance(given, HeldCall):
            _leave(_under_way.get())
            self.run.hold(given, internals.arguments_schema(self.tool))
        self.live = given
        if self.model is not None:
            _METER.begin(self.model)
        return NOTHING

    def given(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What the tool is called with: as CrewAI gives it, or as a person edited it."""
        if self.live is None or self.live.arguments is None:
            return args, kwargs
        return internals.with_arguments(self.tool, args, kwargs, self.live.arguments)

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """The call is made meanwhile."""
        token = self.mark.set(self.inside)
        self.around = _under_way.get()
        under_way = _under_way.set(self)
        try:
            yield
        except BaseException as error:
            self._fail(error)
            raise
        finally:
            _under_way.reset(under_way)
            self.mark.reset(token)

    def end(self, answer: Any) -> None:
        """Record what was answered.

        Raises Paused where it was left, and the code of a tool did not let that pass.
        """
        usage = self._usage()
        if self.left:
            raise Paused
        stored, why = self._encoded(answer)
        self.run.through(self.run.journal.answered, self.live, stored, usage, why)

    def _fail(self, error: BaseException) -> None:
        """The call raised. What interrupts it from outside says nothing of what it did."""
        self._usage()
        if isinstance(error, Exception) and not internals.is_from_outside(error):
            self.run.through(self.run.journal.failed, self.live)

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


_under_way: ContextVar[JournalledCall | None] = ContextVar("_under_way", default=None)


def _leave(call: JournalledCall | None) -> None:
    """Have no call be answered in whose middle a person is asked."""
    while call is not None:
        call.left = True
        call = call.around


def asked_in(run: Journalled, kind: CallKind, name: str, question: Any) -> AskedCall:
    """The call as the journal is asked of it; one that has no JSON form says so."""
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

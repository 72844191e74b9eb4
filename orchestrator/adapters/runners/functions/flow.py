"""What users write a flow of plain Python functions with.

::

    from orchestrator import FunctionFlow, TaskCall, step

    def draft(call: TaskCall) -> str:
        return f"Draft {call.round} about {call.inputs['topic']}"

    def publish(call: TaskCall) -> str:
        return call.outputs["draft"]

    flow = FunctionFlow(
        [
            step(draft, after_any=("revise",), ask="Shall it go out?", options=("go", "revise")),
            step(publish, after="go"),
        ],
        start=("draft",),
    )

A step runs when what it comes after has happened: another step ended, or a person chose an option.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from orchestrator.adapters.runners.functions.crew import Schema
from orchestrator.domain.canonical import Json
from orchestrator.domain.checkpoint import name_of
from orchestrator.domain.question import Question, QuestionKind


@dataclass(frozen=True)
class FlowStep:
    """A function and when it runs. Made by ``step``.

    ``after`` are events that must all have happened, ``after_any`` events one of which is enough:
    names of steps, and options that a person chose. With ``ask`` a person is asked about the
    output: which of the ``options``, or for words where there are none; ``judge`` asks whether it
    is good enough, and has the step run again with the words where it is not. ``schema`` is a
    pydantic model or a JSON Schema of the output, also of one that a person edited.
    """

    work: Callable[..., Json | BaseModel]
    name: str
    after: tuple[str, ...] = ()
    after_any: tuple[str, ...] = ()
    ask: str | None = None
    options: tuple[str, ...] = ()
    default: str | None = None
    judge: bool = False
    schema: Schema | None = None

    @property
    def asks(self) -> bool:
        """Whether a person is asked about its output."""
        return self.judge or self.ask is not None

    def fault(self) -> str | None:
        """What is wrong with it alone, as a part of a sentence; None for nothing."""
        if name_of(f"{self.name}#1") != self.name:
            return f"the name of step {self.name!r} may not have '/' or ':'"
        if self.name in self.after_any or self.after == (self.name,):
            return (
                f"step {self.name!r} comes after itself, and would run for ever: "
                "an option that leads to a step has another name than the step"
            )
        if self.default is not None and self.default not in self.options:
            return f"step {self.name!r} has a default that is none of its options"
        return None

    def question(self, path: str) -> Question:
        """What a person is asked about the step at this path."""
        kind = QuestionKind.CHOICE if self.options else QuestionKind.WORDS
        return Question(
            kind=QuestionKind.JUDGE if self.judge else kind,
            path=path,
            name=self.name,
            message=self.ask or "",
            options=self.options,
            default=self.default,
        )


@dataclass(frozen=True)
class FunctionFlow:
    """A flow of functions. ``start`` names the steps that begin it.

    Without ``start`` these are the steps that come after nothing.
    """

    steps: Sequence[FlowStep]
    start: Sequence[str] = ()
    inputs: Sequence[str] = ()
    name: str = "flow"

    @property
    def beginning(self) -> tuple[str, ...]:
        """The names of the steps that begin the flow."""
        first = [each.name for each in self.steps if not (each.after or each.after_any)]
        return tuple(self.start or first)

    def fault(self) -> str | None:
        """What is wrong with how it is put together, as a part of a sentence; None for nothing."""
        names = [each.name for each in self.steps]
        if len(set(names)) < len(names):
            return "two of its steps have the same name"
        unknown = set(self.beginning) - set(names)
        if unknown or not self.beginning:
            return f"its 'start' must name some of its steps: {', '.join(names)}"
        events = {*names, *(option for each in self.steps for option in each.options)}
        for each in self.steps:
            for event in {*each.after, *each.after_any} - events:
                return f"step {each.name!r} comes after {event!r}, which is no step and no option"
            if fault := each.fault():
                return fault
        return None


def step(
    work: Callable[..., Json | BaseModel],
    *,
    name: str | None = None,
    after: str | Sequence[str] = (),
    after_any: Sequence[str] = (),
    **asking: Any,
) -> FlowStep:
    """Say when a function runs, and what a person is asked about its output.

    ``asking`` are ``ask``, ``options``, ``default``, ``judge`` and ``schema``, as in ``FlowStep``.
    """
    options = tuple(asking.pop("options", ()))
    own_name = name or str(getattr(work, "__name__", "step"))
    waits_for = (after,) if isinstance(after, str) else tuple(after)
    return FlowStep(work, own_name, waits_for, tuple(after_any), options=options, **asking)

"""What users write a crew of plain Python functions with.

::

    from orchestrator import TaskCall, task

    def research(call: TaskCall) -> str:
        return f"Facts about {call.inputs['topic']}"

    @task(human_input=True)
    def write(call: TaskCall) -> str:
        return f"An article from: {call.context}"

    crew = [research, write]
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any, TypeAlias

from pydantic import BaseModel

from orchestrator.domain.canonical import Json, JsonObject

Work: TypeAlias = "Callable[..., Json | BaseModel]"
"""What a task does: takes a ``TaskCall`` or nothing, returns a text, JSON data or a model."""

Schema: TypeAlias = "type[BaseModel] | JsonObject"
"""What data have to fit: a pydantic model, or a JSON Schema."""


def json_schema(schema: Schema) -> JsonObject:
    """The JSON Schema that it is, or that the model has."""
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return schema.model_json_schema()
    return schema


@dataclass(frozen=True, slots=True)
class TaskCall:
    """What a function is told when its task runs.

    ``context`` are the earlier outputs that the task sees, and then what people said, as one text;
    ``outputs`` the same outputs by the names of their tasks. ``feedback`` are the words of all
    reviews so far, ``previous_answer`` is what this task answered in the round before, None in its
    first. ``idempotency_key`` is the same for every attempt of this round. ``check()`` raises
    ClaimLost when the run's work is in vain: a long loop calls it now and then.
    """

    inputs: JsonObject
    context: str
    outputs: Mapping[str, str]
    feedback: tuple[str, ...]
    previous_answer: str | None
    round: int
    idempotency_key: str
    check: Callable[[], None]


@dataclass(frozen=True)
class FunctionTask:
    """A function and how it takes part in its crew. Made by ``task`` or from a bare function.

    ``context`` names the earlier tasks whose outputs it sees, None for all of them. ``schema`` is a
    pydantic model, or a JSON Schema, that the output fits, and what a person makes of it.
    """

    work: Work
    name: str | None = None
    human_input: bool = False
    context: tuple[str, ...] | None = None
    asynchronous: bool = False
    schema: Schema | None = None

    def __call__(self, *args: Any) -> Json | BaseModel:
        """Call the function as if it were not decorated."""
        return self.work(*args)

    @property
    def takes_call(self) -> bool:
        """Whether the function wants to be told anything."""
        if isinstance(self.work, FunctionType):
            return _function_takes_any(self.work)
        return _takes_any(self.work)  # it may have no hash


def _takes_any(work: Work) -> bool:
    return bool(inspect.signature(work).parameters)


_function_takes_any = cache(_takes_any)


@dataclass(frozen=True)
class FunctionCrew:
    """A crew of functions that names the inputs that it needs."""

    tasks: Sequence[Work | FunctionTask]
    inputs: Sequence[str] = ()


def task(
    *,
    name: str | None = None,
    human_input: bool = False,
    context: Sequence[str] | None = None,
    asynchronous: bool = False,
    schema: Schema | None = None,
) -> Callable[[Work], FunctionTask]:
    """Say how a function takes part in its crew.

    ``human_input`` has its output reviewed; ``context`` names the earlier tasks whose outputs it
    sees (all of them by default); ``asynchronous`` lets it run beside its asynchronous neighbours;
    ``schema`` is a pydantic model or a JSON Schema of its output, also of one that a person edited.
    """

    def decorate(work: Work) -> FunctionTask:
        seen = None if context is None else tuple(context)
        return FunctionTask(work, name, human_input, seen, asynchronous, schema)

    return decorate

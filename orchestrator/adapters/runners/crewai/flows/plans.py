"""Reads a flow: its methods, what they wait for, what its state is. Nothing is constructed."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from crewai import Flow
from crewai.flow.flow_definition import FlowMethodDefinition
from pydantic import BaseModel

from orchestrator.adapters.runners.crewai.flows import internals
from orchestrator.adapters.runners.crewai.flows.codec import Codec
from orchestrator.adapters.runners.crewai.flows.data_classes import data_classes_of, modules_of
from orchestrator.adapters.runners.crewai.flows.internals import AnyFlow
from orchestrator.adapters.runners.loading import broken, kind_of, load
from orchestrator.domain.canonical import JsonObject, digest
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.plan import Plan, PlannedStep, PlannedTask, TaskKind
from orchestrator.errors import FOREIGN, cause

CREWAIS_OWN = frozenset(
    {
        "crewai.agents.parser",
        "crewai.crews.crew_output",
        "crewai.flow.human_feedback",
        "crewai.lite_agent_output",
        "crewai.tasks.output_format",
        "crewai.tasks.task_output",
        "crewai.tools.tool_failure",
        "crewai.types.usage_metrics",
        "crewai.utilities.planning_types",
    }
)
"""Modules of CrewAI whose values flows pass on."""


@dataclass(frozen=True, slots=True)
class MethodShape:
    """One method of a flow.

    ``listens_to`` says for people what it waits for, ``emit`` are the events that it may give (the
    options of its review, where it has one). ``key`` is a digest of its source.
    """

    name: str
    is_start: bool
    listens_to: str
    is_router: bool
    asks: bool
    emit: tuple[str, ...]
    key: str


@dataclass(frozen=True, slots=True)
class FlowShape:
    """What is known of a flow without running it.

    ``inputs`` are the fields of its state, none of them required; ``state_schema`` is the JSON
    Schema of a state that is a model, None for a dict.
    """

    name: str
    inputs: tuple[str, ...]
    state_schema: JsonObject | None
    methods: tuple[MethodShape, ...]

    @property
    def digest_material(self) -> JsonObject:
        """All of it as JSON: equal for flows that are the same to the letter."""
        return {**asdict(self), "inputs": list(self.inputs), "methods": _listed(self.methods)}


def flow_plan(deployment: Deployment) -> Plan:
    """The plan of a flow: one task, whose steps are its methods. Raises DeploymentBroken."""
    shape = flow_shape(deployment)
    flow = PlannedTask(shape.name, TaskKind.FLOW, key=digest(shape.digest_material))
    steps = (
        PlannedStep(
            method.name,
            method.listens_to or ("the start" if method.is_start else ""),
            method.asks,
            method.emit,
        )
        for method in shape.methods
    )
    return Plan(
        (flow,), shape.inputs, inputs_required=False, steps=tuple(steps), schema=shape.state_schema
    )


def flow_shape(deployment: Deployment) -> FlowShape:
    """Load the flow and read it. Raises DeploymentBroken."""
    flow_class = flow_class_of(deployment)
    methods = internals.definition_of(flow_class).methods
    state = internals.state_of(flow_class)
    return FlowShape(
        name=flow_class.__name__,
        inputs=_inputs(state),
        state_schema=_schema(state),
        methods=tuple(_method(flow_class, name, method) for name, method in methods.items()),
    )


def flow_class_of(deployment: Deployment) -> type[AnyFlow]:
    """The flow's class, as the engine can run it. Raises DeploymentBroken."""
    found = load(deployment)
    if not (isinstance(found, type) and issubclass(found, Flow)):
        raise broken(deployment, f"it is {kind_of(found)}, not the class of a flow")
    try:
        _check(found)
    except _UnfitError as error:
        raise broken(deployment, str(error)) from error
    return found


class _UnfitError(Exception):
    """Why the engine cannot run a class."""


@lru_cache
def _check(found: type[AnyFlow]) -> None:
    """See, once for each class, that the engine can run it. Raises _UnfitError."""
    try:
        methods = internals.definition_of(found).methods
        unseen = internals.unseen_methods(found)
    except FOREIGN as error:
        raise _UnfitError(f"its methods do not fit together: {cause(error)}") from error
    if unseen:
        names = ", ".join(f"{name} of {base}" for name, base in sorted(unseen.items()))
        why = (
            f"CrewAI runs the methods of the class itself, and not those that it inherits: {names}"
        )
        raise _UnfitError(why)
    if not any(method.is_start for method in methods.values()):
        raise _UnfitError("none of its methods is a @start()")
    state = internals.state_of(found)
    if isinstance(state, type) and issubclass(state, BaseModel):
        fields = state.model_fields.items()
        required = [name for name, field in fields if field.is_required() and name != "id"]
        if required:
            why = f"CrewAI builds its state without inputs, and {required[0]!r} has no default"
            raise _UnfitError(why)


@lru_cache
def codec_of(flow_class: type[AnyFlow]) -> Codec:
    """What stores this flow's values.

    It may store classes of the flow's own module and package, of the state's type, of the data
    classes that the flow's module names, of what their fields hold, and CrewAI's outputs.
    """
    state = internals.state_of(flow_class)
    classes = [state if isinstance(state, type) else type(state)]
    for base in flow_class.__mro__:
        if not base.__module__.startswith(("crewai.", "pydantic", "typing", "builtins")):
            classes.extend(data_classes_of(sys.modules.get(base.__module__, None) or base))
            classes.append(base)
    modules = modules_of(classes) | CREWAIS_OWN
    package, dot, _ = flow_class.__module__.partition(".")
    own = f"{package}." if dot else None

    def allows(module: str) -> bool:
        return module in modules or (own is not None and module.startswith(own))

    return Codec(allows)


def _inputs(state: Any) -> tuple[str, ...]:
    if isinstance(state, BaseModel):
        state = type(state)
    if isinstance(state, type) and issubclass(state, BaseModel):
        return tuple(name for name in state.model_fields if name != "id")
    return tuple(str(name) for name in state if name != "id") if isinstance(state, dict) else ()


def _schema(state: Any) -> JsonObject | None:
    model = state if isinstance(state, type) else type(state)
    if not issubclass(model, BaseModel):
        return None
    try:
        return model.model_json_schema()
    except Exception:  # noqa: BLE001 - a field has no schema: its inputs are checked in the worker
        return None


def _method(flow_class: type[AnyFlow], name: str, definition: FlowMethodDefinition) -> MethodShape:
    feedback = definition.human_feedback
    condition = definition.listen if definition.listen is not None else definition.start
    emit = (feedback.emit if feedback else definition.emit) or ()
    return MethodShape(
        name=name,
        is_start=definition.is_start,
        listens_to="" if condition in (None, True, False) else _in_words(condition),
        is_router=definition.router,
        asks=feedback is not None,
        emit=tuple(emit),
        key=digest(_source(flow_class, name)),
    )


def _in_words(condition: Any, *, inner: bool = False) -> str:
    """A condition for people: ``a and (b or c)``."""
    if not isinstance(condition, Mapping):
        return str(condition)
    word = "and" if "and" in condition else "or"
    words = f" {word} ".join(_in_words(part, inner=True) for part in condition[word])
    return f"({words})" if inner else words


def _source(flow_class: type[AnyFlow], name: str) -> str:
    method: Any = getattr(flow_class, name, None)
    try:
        return inspect.getsource(getattr(method, "unwrap", lambda: method)())
    except (OSError, TypeError):
        return name


def _listed(methods: tuple[MethodShape, ...]) -> list[JsonObject]:
    return [{**asdict(method), "emit": list(method.emit)} for method in methods]

"""Turns CrewAI's outputs into ours, which survive the way through the database, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from crewai import Task
from crewai.crews.crew_output import CrewOutput
from crewai.tasks.task_output import TaskOutput
from pydantic import BaseModel, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic_core import from_json, to_json

from orchestrator.adapters.runners.crewai.flows.codec import Codec, Unreadable, Unstorable
from orchestrator.adapters.runners.loading import kind_of
from orchestrator.domain.canonical import Json, JsonObject, encode
from orchestrator.domain.output import EDITS_FIT, Output
from orchestrator.errors import TaskFailed, cause
from orchestrator.wire.inputs import fits

MODEL = "model"
"""The key of ``Output.extra`` for the stored form of a model that its data do not give again."""
LARGEST_MESSAGES = 4 * 1024 * 1024
"""Bytes of an agent's messages that are kept with its output."""
_CODEC = Codec(lambda _module: True)


def from_task(output: TaskOutput, usage: Mapping[str, int], *, skipped: bool = False) -> Output:
    """What is stored of a task's output; ``extra`` holds the rest of CrewAI's object."""
    data = _data(output)
    return Output(
        raw=output.raw,
        agent=output.agent,
        description=output.description,
        expected_output=output.expected_output or "",
        summary=output.summary or "",
        json=data,
        extra={
            "task_output": _dumped(output),
            "usage": dict(usage),
            "skipped": skipped,
            **_stored_model(output.pydantic, data),
        },
    )


def editable(output: Output, task: Task) -> Output:
    """Say what a person's own form of a task's data has to fit: its model, where it has one.

    Data have the names of fields, not their aliases. A model whose schema says other things than
    its data do, as with computed fields, is not held against them.
    """
    model = task.output_pydantic or task.output_json
    if model is None or output.json is None:
        return output
    try:
        schema = model.model_json_schema(by_alias=False)
    except PydanticInvalidForJsonSchema:
        return output
    if not fits(schema, output.json):
        return output
    return replace(output, extra={**output.extra, EDITS_FIT: schema})


def was_skipped(output: Output) -> bool:
    """Whether this is the empty output of a conditional task whose condition did not hold."""
    return output.extra.get("skipped") is True


def to_task(output: Output, task: Task) -> TaskOutput:
    """CrewAI's object again, with the text and the data as a person may have edited them.

    Raises TaskFailed, not to be retried, when the data no longer fits the task's model.
    """
    stored = output.extra.get("task_output")
    fields: dict[str, Any] = dict(stored) if isinstance(stored, Mapping) else {}
    fields |= {"agent": output.agent, "description": output.description, "raw": output.raw}
    if task.name:
        fields["name"] = task.name  # it may have been renamed since
    return TaskOutput.model_validate({**fields, **_as_model_or_data(output, task)})


def usage_of(output: Output) -> Mapping[str, int]:
    """What the task run that gave this output cost."""
    usage: Any = output.extra.get("usage", {})
    return usage if isinstance(usage, Mapping) else {}


def from_crew(result: object) -> Output:
    """The crew's result, or whatever its last callback made of it."""
    if isinstance(result, CrewOutput):
        return Output(result.raw, json=_data(result))
    if isinstance(result, BaseModel):
        result = result.model_dump(mode="json")
    if result is None or isinstance(result, str):
        return Output(result or "")
    try:
        return Output(encode(result).decode(), json=result)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return Output(str(result))


def as_data(data: object) -> Json:
    """A model or data as JSON has it: by the names of fields, null for what is no number."""
    plain: Json = from_json(to_json(data, by_alias=False, inf_nan_mode="null", fallback=str))
    return plain


def as_model(model: type[BaseModel], data: Json) -> BaseModel:
    """Build a model from its data, which have the names of its fields and what it computes."""
    if isinstance(data, Mapping):
        data = {name: v for name, v in data.items() if name not in model.model_computed_fields}
    return model.model_validate(data, by_alias=True, by_name=True)


def _data(output: TaskOutput | CrewOutput) -> Json:
    return as_data(output.json_dict if output.pydantic is None else output.pydantic)


def _stored_model(model: BaseModel | None, data: Json) -> JsonObject:
    """The stored form of a model, where validating its data gives another one, or none."""
    if model is None:
        return {}
    try:
        if as_model(type(model), data) == model:
            return {}
    except Exception:  # noqa: BLE001, S110 - validators are users' code; what they refuse is stored
        pass
    try:
        return {MODEL: _CODEC.encode(model, "its output")}
    except (Unstorable, TypeError, ValueError):
        return {}


def _as_stored(output: Output) -> BaseModel | None:
    """The model as the task gave it, None where its data are enough or a person edited them."""
    if MODEL not in output.extra:
        return None
    try:
        model = _CODEC.decode(output.extra[MODEL])
    except (Unreadable, ValueError, TypeError):
        return None
    is_unedited = isinstance(model, BaseModel) and as_data(model) == output.json
    return model if is_unedited else None


def _dumped(output: TaskOutput) -> dict[str, Any]:
    # The model does not survive; its data stands beside this dump.
    without = {"pydantic", "json_dict", "raw"}
    try:
        dumped = output.model_dump(mode="json", exclude=without)
        if len(encode(dumped["messages"])) <= LARGEST_MESSAGES:
            return dumped
    except (TypeError, ValueError, RecursionError):  # a message holds a file or an image
        pass
    return output.model_dump(mode="json", exclude={*without, "messages"})


def _as_model_or_data(output: Output, task: Task) -> dict[str, Any]:
    if output.json is None:
        return {}
    if task.output_pydantic is None:
        if isinstance(output.json, Mapping):
            return {"json_dict": output.json}
        message = f"The output of task {task.name!r} is {kind_of(output.json)}, no JSON object"
        raise TaskFailed(message, retryable=False)
    try:
        return {"pydantic": _as_stored(output) or as_model(task.output_pydantic, output.json)}
    except ValidationError as error:
        model = task.output_pydantic.__name__
        message = f"The output of task {task.name!r} does not fit {model}: {cause(error)}"
        raise TaskFailed(message, retryable=False) from error

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
from pydantic_core import PydanticSerializationError

from orchestrator.domain.canonical import Json, encode
from orchestrator.domain.output import EDITS_FIT, Output
from orchestrator.errors import TaskFailed, cause
from orchestrator.wire.inputs import fits


def from_task(output: TaskOutput, usage: Mapping[str, int], *, skipped: bool = False) -> Output:
    """What is stored of a task's output; ``extra`` holds the rest of CrewAI's object."""
    return Output(
        raw=output.raw,
        agent=output.agent,
        description=output.description,
        expected_output=output.expected_output or "",
        summary=output.summary or "",
        json=_data(output),
        extra={"task_output": _dumped(output), "usage": dict(usage), "skipped": skipped},
    )


def editable(output: Output, task: Task) -> Output:
    """Say what a person's own form of a task's data has to fit: its model, where it has one.

    A model whose schema says other things than its data do, as with aliases, is not held against
    them.
    """
    model = task.output_pydantic or task.output_json
    if model is None or output.json is None:
        return output
    try:
        schema = model.model_json_schema()
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


def _data(output: TaskOutput | CrewOutput) -> Json:
    if output.pydantic is not None:
        data: Json = output.pydantic.model_dump(mode="json")
        return data
    return output.json_dict


def _dumped(output: TaskOutput) -> dict[str, Any]:
    # The model does not survive; its data stands beside this dump.
    without = {"pydantic", "json_dict", "raw"}
    try:
        return output.model_dump(mode="json", exclude=without)
    except PydanticSerializationError:  # a message holds a file or an image
        return output.model_dump(mode="json", exclude={*without, "messages"})


def _as_model_or_data(output: Output, task: Task) -> dict[str, Any]:
    if output.json is None:
        return {}
    if task.output_pydantic is None:
        return {"json_dict": output.json}
    try:
        return {"pydantic": task.output_pydantic.model_validate(output.json)}
    except ValidationError as error:
        model = task.output_pydantic.__name__
        message = f"The output of task {task.name!r} does not fit {model}: {cause(error)}"
        raise TaskFailed(message, retryable=False) from error

"""Results of methods as outputs, which survive the way through the database, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from crewai.crews.crew_output import CrewOutput
from crewai.flow.human_feedback import HumanFeedbackResult
from crewai.tasks.task_output import TaskOutput
from pydantic import BaseModel, ValidationError

from orchestrator.adapters.runners.crewai.flows.codec import TAG, Codec, Lost, plain
from orchestrator.adapters.runners.crewai.outputs import as_data, as_model
from orchestrator.domain.canonical import Json, encode
from orchestrator.domain.output import Output
from orchestrator.errors import TaskFailed, cause

VALUE = "value"
FEEDBACK = "feedback"


def to_output(codec: Codec, value: Any, path: str, *, must_be_stored: bool = False) -> Output:
    """The output of a method.

    ``raw`` is its text, or its JSON as text; ``extra`` holds what the text and the data do not say.
    Raises Unstorable, naming the field, where it must be stored and cannot.
    """
    if isinstance(value, str) and type(value) is str:
        return Output(value)
    stored = (codec.encode if must_be_stored else codec.encode_or_lose)(value, path)
    if value is None or _is_lost(stored):
        return Output("" if value is None else str(value), extra={VALUE: stored})
    if isinstance(value, CrewOutput | TaskOutput):
        return Output(value.raw, json=_data(value), extra={VALUE: stored})
    data = plain(stored)
    extra = {} if data == stored else {VALUE: stored}
    return Output(encode(data).decode(), json=data, extra=extra)


def to_value(codec: Codec, output: Output) -> Any:
    """The result of the method again. Raises Unreadable where its class is gone."""
    if VALUE in output.extra:
        return codec.decode(output.extra[VALUE])
    return output.raw if output.json is None else codec.decode(output.json)


def edited_value(codec: Codec, output: Output, edited: Output, path: str) -> Any:
    """The result as a person rewrote it.

    Raises TaskFailed, not to be retried, where that does not fit what it was.
    """
    value = to_value(codec, output)
    if isinstance(value, str):
        return edited.raw
    if isinstance(value, CrewOutput | TaskOutput):
        return _with_text(value, edited)
    try:
        data = edited.json if edited.json is not None else json.loads(edited.raw)
        if isinstance(value, BaseModel):
            return as_model(type(value), data)
    except (ValidationError, ValueError) as error:
        message = f"What was edited does not fit the output of {path}: {cause(error)}"
        raise TaskFailed(message, retryable=False) from error
    return data


def feedback_of(codec: Codec, output: Output) -> HumanFeedbackResult | Lost | None:
    """What a person said of the output of a reviewed method, with that output."""
    stored = output.extra.get(FEEDBACK)
    return None if stored is None else codec.decode(stored)


def routes(output: Output) -> bool:
    """Whether the outcome of the review is the next event of the flow."""
    return VALUE in output.extra and FEEDBACK in output.extra


def reviewed(codec: Codec, feedback: HumanFeedbackResult, outcome: Any, path: str) -> Output:
    """The output of a reviewed method; ``outcome`` is None where the review has no options."""
    shown = to_output(codec, feedback.output, path)
    extra = {FEEDBACK: codec.encode_or_lose(feedback, path)}
    if outcome is not None:
        extra[VALUE] = codec.encode_or_lose(outcome, path)
    return Output(shown.raw, json=shown.json, extra=extra)


def to_result(codec: Codec, value: Any) -> Output:
    """The result of a whole flow. What has no stored form is output by its text."""
    if isinstance(value, BaseModel) and not isinstance(value, CrewOutput | TaskOutput):
        return to_output(codec, value, "result")
    if isinstance(value, HumanFeedbackResult):
        output = to_output(codec, value.output, "result")
        data = {
            "output": output.raw if output.json is None else output.json,
            "feedback": value.feedback,
            "outcome": value.outcome,
            "method_name": value.method_name,
            "metadata": plain(codec.encode_or_lose(value.metadata, "metadata")),
            "timestamp": value.timestamp.isoformat(),
        }
        return Output(encode(data).decode(), json=data)
    return to_output(codec, value, "result")


def _with_text(value: CrewOutput | TaskOutput, edited: Output) -> CrewOutput | TaskOutput:
    if edited.json is None:
        return value.model_copy(update={"raw": edited.raw})
    if value.pydantic is not None:
        model = as_model(type(value.pydantic), edited.json)
        return value.model_copy(update={"raw": edited.raw, "pydantic": model})
    return value.model_copy(update={"raw": edited.raw, "json_dict": edited.json})


def _data(value: CrewOutput | TaskOutput) -> Json:
    return as_data(value.json_dict if value.pydantic is None else value.pydantic)


def _is_lost(stored: Json) -> bool:
    return isinstance(stored, Mapping) and stored.get(TAG) == "lost"

"""``ask()`` inside the body of a method: the question is kept below the method's step."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema

from orchestrator.adapters.runners.crewai.flows import reviews
from orchestrator.adapters.runners.crewai.flows.journal import PathRecord
from orchestrator.adapters.runners.crewai.flows.nested import ask_inside
from orchestrator.adapters.runners.crewai.flows.scope import (
    ALIKE,
    Interrupted,
    Paused,
    current,
    nobody_is_asked,
)
from orchestrator.domain.output import Output
from orchestrator.domain.question import ANSWER_SCHEMA, Question, QuestionKind
from orchestrator.errors import TaskFailed
from orchestrator.wire.inputs import is_schema

_OUTSIDE = (
    "ask() was called outside the methods of the deployment's flow, where nobody can be asked: by "
    "a flow that a crew's own code kicks off, or in a thread that knows nothing of the run, which "
    "contextvars.copy_context().run mends"
)


class Inputs:
    """What ``ask()`` asks, in a process whose questions are ours."""

    def request_input(
        self, message: str, _flow: Any, metadata: dict[str, Any] | None = None
    ) -> str:
        """What a person answered in an earlier run.

        Raises Paused where nobody has, Interrupted where nobody can be asked.
        """
        scope = current()
        if scope is None:
            raise nobody_is_asked(_OUTSIDE)
        scope.check()
        record = scope.claim("ask:", lambda noted: ALIKE if _asks(noted, message) else 1)
        if record.answer is not None:
            return record.answer.words
        if not record.is_open:
            shown = reviews.as_json(scope.running.run.codec, _with_schema(record.path, metadata))
            question = Question(
                QuestionKind.INPUT, record.path, record.path, message, metadata=shown
            )
            ask_inside(scope, question, Output(message))
        raise Paused


def _asks(record: PathRecord, message: str) -> bool:
    return record.asked is not None and record.asked.question.message == message


def _with_schema(path: str, metadata: dict[str, Any] | None) -> dict[str, Any] | None:
    """The metadata, with a model of the answer as its JSON Schema.

    Raises Interrupted where it is none: CrewAI takes any Exception of a provider for no answer.
    """
    if metadata is None or ANSWER_SCHEMA not in metadata:
        return metadata
    schema = metadata[ANSWER_SCHEMA]
    try:
        if isinstance(schema, type) and issubclass(schema, BaseModel):
            schema = schema.model_json_schema()
    except PydanticInvalidForJsonSchema as error:
        schema = str(error)
    if not is_schema(schema):
        message = f"{path}: '{ANSWER_SCHEMA}' is neither a pydantic model nor a JSON Schema"
        raise Interrupted(TaskFailed(message, retryable=False))
    return {**metadata, ANSWER_SCHEMA: schema}

"""Typed answers: data in the place of a text, where the code that asked says what it has to fit."""

from __future__ import annotations

import json
from dataclasses import replace

from orchestrator.domain.canonical import Json, JsonObject, encode
from orchestrator.domain.output import Output
from orchestrator.domain.question import QuestionKind
from orchestrator.domain.review import Review
from orchestrator.domain.typed_answer import answer_schema
from orchestrator.errors import Invalid
from orchestrator.ports import Transaction
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.wire.inputs import require_fitting_output
from orchestrator.wire.requests import ResumeBody


def typed(tx: Transaction, review: Review, given: Answer) -> Answer:
    """The answer with its data as the text that they stand for, as JSON.

    Raises Invalid with what is wrong at each place, where they do not fit; also for words where
    code that asks for input wants data.
    """
    body = given.body
    is_input = review.kind is QuestionKind.INPUT
    if body.answer is None and not is_input:
        return given
    output = tx.outputs.one(review.output_id)
    schema = answer_schema(review, output)
    if is_input:
        return given if schema is None and body.answer is None else _input(given, schema)
    if body.edited_output is not None:
        message = "'answer' and 'edited_output' say the same: send one of them."
        raise Invalid(message, {"answer": "not with edited_output"})
    if output.json is None:
        message = "What this review is about is a text: send 'edited_output'."
        raise Invalid(message, {"answer": "this review takes a text"})
    require_fitting_output(schema, replace(output, json=body.answer), "answer")
    return _with(given, edited_output=_text(body.answer))


def _input(given: Answer, schema: JsonObject | None) -> Answer:
    body = given.body
    if schema is None:
        message = "This review takes words: send 'human_feedback'."
        raise Invalid(message, {"answer": "this review takes words"})
    if body.answer is not None and body.human_feedback:
        message = "'answer' stands for the words here: leave 'human_feedback' out."
        raise Invalid(message, {"human_feedback": "not with answer"})
    field = "human_feedback" if body.answer is None else "answer"
    data: Json = _read(body.human_feedback) if body.answer is None else body.answer
    require_fitting_output(schema, Output("", json=data), field)
    return _with(given, human_feedback=_text(data))


def _read(words: str) -> Json:
    """Raises Invalid."""
    try:
        data: Json = json.loads(words)
    except (ValueError, RecursionError) as error:
        message = "The code that asks takes data: send them in 'answer', or as JSON in the words."
        raise Invalid(message, {"human_feedback": f"is no JSON: {error}"}) from error
    return data


def _text(data: Json) -> str:
    try:
        return encode(data).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(f"'answer' is no JSON: {error}", {"answer": str(error)}) from error


def _with(given: Answer, **said: str) -> Answer:
    body: ResumeBody = given.body.model_copy(update=said)
    return replace(given, body=body)

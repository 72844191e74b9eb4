"""What data an answer has to be, where the code that asks says so."""

from __future__ import annotations

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.output import EDITS_FIT, Output
from orchestrator.domain.question import ANSWER_SCHEMA, QuestionKind
from orchestrator.domain.review import Review


def answer_schema(review: Review, output: Output) -> JsonObject | None:
    """The JSON Schema of a typed answer; None where the answer is a text.

    Where code asks for input it is the question's; else that of the output, as a person may edit
    it. One that says nothing, or takes nothing, makes no answer typed.
    """
    if review.kind is QuestionKind.INPUT:
        found = review.question.metadata.get(ANSWER_SCHEMA)
    else:
        found = output.extra.get(EDITS_FIT)
    return found if isinstance(found, dict) and found and found != {"not": {}} else None

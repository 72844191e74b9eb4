"""Which of a review's options a person's words mean: exactly one of them, or none is known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

from crewai.flow.human_feedback import HumanFeedbackCollapseError
from crewai.llms.base_llm import BaseLLM
from pydantic import BaseModel, create_model

from orchestrator.adapters.runners.crewai.flows.internals import collapse_prompt

CLOSING = " \t\r\n.,;:!?…\"'`"


def exact(words: str, options: Sequence[str]) -> str | None:
    """The option that the words are, without regard to case, spaces and closing punctuation."""
    if words in options:
        return words
    matching = [option for option in options if _bare(option) == _bare(words)]
    return matching[0] if len(matching) == 1 else None


def _bare(text: str) -> str:
    return " ".join(text.casefold().split()).strip(CLOSING)


def asked_of_model(model: BaseLLM, words: str, options: Sequence[str]) -> str | None:
    """The option that a model says is meant; None where it says anything else.

    Raises what the model raises.
    """
    messages = [{"role": "user", "content": collapse_prompt(words, tuple(options))}]
    if getattr(model, "supports_function_calling", bool)():
        try:
            return _option_in(model.call(messages, response_model=_choice_of(options)), options)  # type: ignore[arg-type]  # as CrewAI itself calls it
        except Exception:  # noqa: BLE001, S110 - not every model answers in a structure: ask plainly
            pass
    return _option_in(model.call(messages), options)  # type: ignore[arg-type]  # as CrewAI itself calls it


def of_provider(words: str, options: Sequence[str], model: Any) -> str:
    """The outcome of words that a decorator's own provider brought.

    Raises HumanFeedbackCollapseError where they are none of the options and the model knows none.
    """
    outcome = exact(words, options) or (
        asked_of_model(model, words, options) if isinstance(model, BaseLLM) else None
    )
    if outcome is None:
        raise HumanFeedbackCollapseError(f"The feedback is none of {', '.join(options)}")
    return outcome


def _choice_of(options: Sequence[str]) -> type[BaseModel]:
    return create_model("FeedbackOutcome", outcome=(Literal[tuple(options)], ...))


def _option_in(answer: Any, options: Sequence[str]) -> str | None:
    if isinstance(answer, BaseModel):
        answer = getattr(answer, "outcome", "")
    text = str(answer)
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = text
    outcome = parsed.get("outcome") if isinstance(parsed, dict) else parsed
    return exact(outcome, options) if isinstance(outcome, str) else None

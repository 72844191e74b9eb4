"""A model that answers by script, so that the example needs no key. Yours is an ``LLM(…)``."""

from __future__ import annotations

from typing import Any

from crewai import BaseLLM


class Scripted(BaseLLM):
    """Gives one final answer, with the last wish of a person in it."""

    llm_type: str = "scripted"

    def call(self, messages: Any, *_args: Any, **_kwargs: Any) -> str:
        """Answer a conversation, in the form that CrewAI's agents expect."""
        text = messages if isinstance(messages, str) else str(messages[-1]["content"])
        wish = text.partition("(changes requested):\n")[2].partition("\n")[0]
        return f"Thought: I know\nFinal Answer: A text about owls. {wish}".strip()

    def supports_function_calling(self) -> bool:
        """It calls no tools."""
        return False

"""A model that answers by script, so that the example needs no key. Yours is an ``LLM(…)``."""

from __future__ import annotations

from typing import Any

from crewai import BaseLLM


class Scripted(BaseLLM):
    """Writes a line, and says of a person's words which outcome they mean."""

    llm_type: str = "scripted"

    def call(self, messages: Any, *_args: Any, **_kwargs: Any) -> str:
        """Answer a prompt."""
        text = messages if isinstance(messages, str) else str(messages[-1]["content"])
        if text.startswith("Write"):
            return f"({text.removeprefix('Write ')})"
        return "revise" if "but" in text.lower() else "send"

    def supports_function_calling(self) -> bool:
        """It calls no tools."""
        return False

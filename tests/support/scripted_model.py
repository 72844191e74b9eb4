"""A model without a network: answers by script and keeps the prompts that it got."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crewai import BaseLLM
from pydantic import PrivateAttr

PROMPTS: list[str] = []


class Scripted(BaseLLM):
    """Answers what ``reply`` makes of the prompt, and counts 10 and 5 tokens for each call."""

    llm_type: str = "scripted"
    _reply: Callable[[str], str] = PrivateAttr()

    def __init__(self, reply: Callable[[str], str]) -> None:
        super().__init__(model="scripted")
        self._reply = reply

    def call(self, messages: Any, *_: Any, **__: Any) -> str:
        if not isinstance(messages, str):
            messages = "\n".join(str(message["content"]) for message in messages)
        PROMPTS.append(messages)
        self._track_token_usage_internal({"prompt_tokens": 10, "completion_tokens": 5})
        return self._reply(messages)

    def supports_function_calling(self) -> bool:
        return False


def says(text: str) -> Scripted:
    """Make a model that always gives this final answer."""
    return Scripted(lambda _: f"Thought: I know\nFinal Answer: {text}")


def counts() -> Scripted:
    """Make a model whose final answers are ``answer 1``, ``answer 2``, …"""
    return Scripted(lambda _: f"Thought: I know\nFinal Answer: answer {len(PROMPTS)}")

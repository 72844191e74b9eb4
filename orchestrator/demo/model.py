"""The demo's model: a real one where there is a key, otherwise one that answers by script."""

from __future__ import annotations

import os
import re
from typing import Any

from crewai import LLM, BaseLLM

FEEDBACK = re.compile(r"Human feedback on it \(changes requested\):\n(.+)")


class ScriptedModel(BaseLLM):
    """Answers without a network, by the role of the agent that asks, and heeds the feedback."""

    llm_type: str = "scripted"

    def call(self, messages: Any, *_args: Any, **_kwargs: Any) -> str:
        """Answer a conversation, in the form that CrewAI's agents expect."""
        prompt = _text_of(messages)
        answer = _answer(prompt)
        usage = {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(answer) // 4}
        self._track_token_usage_internal(usage)
        return f"Thought: I now can give a great answer\nFinal Answer: {answer}"

    def supports_function_calling(self) -> bool:
        """It calls no tools."""
        return False


def model() -> BaseLLM:
    """A real model where ``OPENAI_API_KEY`` or ``OPENAI_BASE_URL`` is set."""
    if os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"):
        return LLM(model=os.environ.get("OPENAI_MODEL_NAME", "gpt-4o-mini"))
    return ScriptedModel(model="scripted")


def _text_of(messages: Any) -> str:
    if isinstance(messages, str):
        return messages
    return "\n".join(str(message["content"]) for message in messages)


def _answer(prompt: str) -> str:
    topic = _found(r"about the topic '(.+?)'", prompt, "the topic")
    if "You are Researcher" in prompt:
        return f"Three facts on {topic}: old, widespread, and better at night than people think."
    if "You are Editor" in prompt:
        return f"Edited and ready to print. {_found(r'(An article .+)', prompt, 'An article.')}"
    wishes = FEEDBACK.findall(prompt)
    heeded = f" Rewritten as asked: {' / '.join(wishes)}" if wishes else ""
    return f"An article about {topic}, from three facts: old, widespread, best at night.{heeded}"


def _found(pattern: str, text: str, otherwise: str) -> str:
    found = re.findall(pattern, text)
    return str(found[-1]) if found else otherwise

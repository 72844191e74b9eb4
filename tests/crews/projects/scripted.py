"""The one thing that is not real in these crews: their model. It answers by script, offline.

Where no rule speaks, the answer names a digest of the prompt: a crew that is asked anything else
somewhere gives another result.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from pathlib import Path
from typing import Any

from crewai import BaseLLM
from pydantic import PrivateAttr

BUILDER = "the builder"
PROMPTS: list[str] = []
"""What all scripted models of this process were asked."""


class Scripted(BaseLLM):
    """Answers with the text of the first rule whose phrase is in the prompt.

    Each call costs 10 and 5 tokens. With ``SCRIPTED_CALLS`` in the environment, each process that
    builds a model or asks one is written there, with the role that asked.
    """

    llm_type: str = "scripted"
    _rules: dict[str, str] = PrivateAttr(default_factory=dict)

    def __init__(self) -> None:
        super().__init__(model="scripted")
        _note(f"You are {BUILDER}.")

    def rule(self, phrase: str, answer: str) -> Scripted:
        """Add a rule; earlier ones come first."""
        self._rules[phrase] = answer
        return self

    def call(self, messages: Any, *_: Any, **__: Any) -> str:
        """Answer a conversation."""
        if not isinstance(messages, str):
            messages = "\n".join(str(message["content"]) for message in messages)
        PROMPTS.append(messages)
        _note(messages)
        self._track_token_usage_internal({"prompt_tokens": 10, "completion_tokens": 5})
        return next(
            (answer for phrase, answer in self._rules.items() if phrase in messages),
            f"Thought: I know\nFinal Answer: {_role(messages)} said {_digest(messages)}",
        )

    def supports_function_calling(self) -> bool:
        """Tools are called by text."""
        return False


def final(answer: str) -> str:
    """What a model says to end its work."""
    return f"Thought: I know\nFinal Answer: {answer}"


def use(tool: str, arguments: str) -> str:
    """What a model says to use a tool."""
    return f"Thought: I need {tool}\nAction: {tool}\nAction Input: {arguments}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _role(prompt: str) -> str:
    found = re.search(r"You are ([^.\n]+)", prompt)
    return found[1] if found else "somebody"


def _note(prompt: str) -> None:
    """Tell who was asked; a prompt about ``each other`` waits until another process was, too."""
    if "SCRIPTED_CALLS" not in os.environ:
        return
    calls = Path(os.environ["SCRIPTED_CALLS"])
    with calls.open("a") as file:
        file.write(f"{os.getpid()} {_role(prompt)}\n")
    until = time.monotonic() + 30
    while "each other" in prompt and time.monotonic() < until:
        asked = [line.split() for line in calls.read_text().splitlines() if BUILDER not in line]
        if len({pid for pid, *_ in asked}) > 1:
            return
        time.sleep(0.01)

"""A clerk who does errands one after another: ten calls of a model and of tools in one task.

``BEFORE`` is called before each call of the model or of a tool is really made, with its name: a
test may have the process die there, or the call hang.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crewai import Agent, BaseLLM, Crew, Flow, Task
from crewai.flow import listen, start
from crewai.tools import tool
from pydantic import BaseModel, PrivateAttr

from projects.scripted import final, use

MADE: list[str] = []
"""The calls that were really made in this process."""
ERRANDS = ("look", "look", "pay", "look")
_QUIET: Callable[[str], object] = lambda _: None  # noqa: E731 - what nobody minds
BEFORE: list[Callable[[str], object]] = [_QUIET]


def made(name: str) -> int:
    """Note a call; returns how many were made. With ``ERRANDS_LOG``, those of all processes."""
    MADE.append(name)
    if "ERRANDS_LOG" not in os.environ:
        BEFORE[0](name)
        return len(MADE)
    log = Path(os.environ["ERRANDS_LOG"])
    with log.open("a") as file:
        file.write(f"{name}\n")
    count = len(log.read_text().splitlines())
    kill = Path(os.environ["ERRANDS_LOG"] + ".kill")
    if kill.exists() and count == int(kill.read_text()):
        os.kill(os.getpid(), signal.SIGKILL)
    return count


class Clerk(BaseLLM):
    """Does the errands in their order, then says how many answers it has seen."""

    llm_type: str = "clerk"
    _errands: tuple[str, ...] = PrivateAttr(default=ERRANDS)

    def __init__(self, errands: tuple[str, ...] = ERRANDS) -> None:
        super().__init__(model="clerk")
        self._errands = errands

    def call(self, messages: Any, *_: Any, **__: Any) -> str:
        """Each call costs 10 and 5 tokens."""
        made("model")
        self._track_token_usage_internal({"prompt_tokens": 10, "completion_tokens": 5})
        text = messages if isinstance(messages, str) else "".join(str(m) for m in messages)
        done = text.count("Observation: did")
        if done == len(self._errands):
            return final(f"all {done} done")
        return use(self._errands[done], json.dumps({"what": f"errand {done + 1}"}))

    def supports_function_calling(self) -> bool:
        """Tools are called by text."""
        return False


@tool("look")
def look(what: str) -> str:
    """Look something up."""
    made("look")
    return f"did look {what}"


@tool("pay")
def pay(what: str) -> str:
    """Pay something, which must not happen twice."""
    made("pay")
    return f"did pay {what}"


SUFFIX = [""]
"""What a test adds to the prompt of crews that are built from now on."""


def make(model: BaseLLM | None = None, tools: tuple[Any, ...] = (look, pay)) -> Crew:
    """The crew: nine calls, five of the model and four of tools; then a short second task."""
    clerk = Agent(
        role="Clerk",
        goal="do errands",
        backstory="-",
        llm=model or Clerk(),
        tools=list(tools),
        cache=False,
    )
    errands = Task(
        name="errands",
        description=f"Do all errands for {{who}}.{SUFFIX[0]}",
        expected_output="a count",
        agent=clerk,
    )
    return Crew(agents=[clerk], tasks=[errands], cache=False)

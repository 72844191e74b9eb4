"""Where CrewAI would ask on the terminal: a worker has none, and nobody would be asked.

It must not be tried: ``input()`` fails there. CrewAI takes a hook that failed for one that has
nothing against the call, and tells an agent that its tool failed: it goes on without the person, or
asks once more and pays for it. So the run ends by what is no Exception, and says what to do.
"""

from __future__ import annotations

import sys
from io import TextIOBase
from typing import Any, Never

from orchestrator.adapters.runners.crewai.flows import internals
from orchestrator.adapters.runners.crewai.flows.asking import Inputs
from orchestrator.adapters.runners.crewai.flows.reviews import Reviewers
from orchestrator.adapters.runners.crewai.flows.scope import nobody_is_asked

_BY_HOOK = (
    "A hook asks on the terminal ({prompt!r}), and a worker has none. "
    "In its place, name the tools that a person has to approve in the deployment's 'tool_approval'"
)
_ELSEWHERE = (
    "A task with human_input=True asks on the terminal, and a worker has none: its crew was kicked "
    "off by a tool or callback of a crew, or in a thread that knows nothing of the run. In a "
    "method of a flow it halts; in threads, by contextvars.copy_context().run"
)
_BY_INPUT = (
    "Code of the deployment reads standard input, as input() does, and a worker has none. "
    "In a flow, self.ask() asks a person; in a crew, a task with human_input=True does"
)


def replace_terminal() -> None:
    """Have reviews and ``ask()`` be ours also where the author names CrewAI's console.

    Whatever else asks there ends the run.
    """
    internals.ask_in_place_of_terminal(_by_hook, _elsewhere, Reviewers(), Inputs())


def replace_stdin() -> None:
    """Have whatever reads standard input from here on end its run. Doing it twice changes nothing.

    For each run, since whoever starts a process, or captures its output, sets another.
    """
    if not isinstance(sys.stdin, _NobodyTypes):
        sys.stdin = _NobodyTypes()


class _NobodyTypes(TextIOBase):
    def readable(self) -> bool:
        return True

    def read(self, _size: int | None = -1, /) -> str:
        raise nobody_is_asked(_BY_INPUT)

    def readline(self, _size: int = -1, /) -> str:  # type: ignore[override]  # as that of a text
        raise nobody_is_asked(_BY_INPUT)


def _by_hook(_context: Any, prompt: str = "", *_: Any, **__: Any) -> Never:
    raise nobody_is_asked(_BY_HOOK.format(prompt=prompt))


def _elsewhere(*_: Any, **__: Any) -> Never:
    raise nobody_is_asked(_ELSEWHERE)

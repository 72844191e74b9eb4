"""Where CrewAI would ask on the terminal: a worker has none, and nobody would be asked.

It must not be tried: ``input()`` fails there, and CrewAI takes a hook that failed for one that has
nothing against the call. So the run ends by what is no Exception, and says what to do.
"""

from __future__ import annotations

from typing import Any, Never

from orchestrator.adapters.runners.crewai.flows import internals
from orchestrator.adapters.runners.crewai.flows.asking import Inputs
from orchestrator.adapters.runners.crewai.flows.reviews import Reviewers
from orchestrator.adapters.runners.crewai.flows.scope import nobody_is_asked

_BY_HOOK = (
    "A hook asks on the terminal ({prompt!r}), and a worker has none. "
    "Name the tools that a person has to approve in 'tool_approval' of the deployment"
)
_ELSEWHERE = (
    "A task with human_input=True asks on the terminal, and a worker has none: its crew was kicked "
    "off by a tool or callback of a crew, or in a thread that knows nothing of the run. In a "
    "method of a flow it halts; in threads, by contextvars.copy_context().run"
)


def replace_terminal() -> None:
    """Have reviews and ``ask()`` be ours also where the author names CrewAI's console.

    Whatever else asks there ends the run.
    """
    internals.ask_in_place_of_terminal(_by_hook, _elsewhere, Reviewers(), Inputs())


def _by_hook(_context: Any, prompt: str = "", *_: Any, **__: Any) -> Never:
    raise nobody_is_asked(_BY_HOOK.format(prompt=prompt))


def _elsewhere(*_: Any, **__: Any) -> Never:
    raise nobody_is_asked(_ELSEWHERE)

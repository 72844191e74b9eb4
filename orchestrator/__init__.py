"""Crew Orchestrator: durable runs of CrewAI crews and flows that stop, ask a person, and carry on.

The public names, for users' own code; everything else is reached over HTTP, by message or with the
command ``orchestrator``. Each is imported when it is first asked for: a command wants none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.adapters.runners.functions.crew import FunctionCrew, TaskCall, task
    from orchestrator.adapters.runners.functions.flow import FunctionFlow, step
    from orchestrator.client import CallRefused, Client

__all__ = ["CallRefused", "Client", "FunctionCrew", "FunctionFlow", "TaskCall", "step", "task"]

_HOMES = {
    "CallRefused": "orchestrator.client",
    "Client": "orchestrator.client",
    "FunctionCrew": "orchestrator.adapters.runners.functions.crew",
    "FunctionFlow": "orchestrator.adapters.runners.functions.flow",
    "TaskCall": "orchestrator.adapters.runners.functions.crew",
    "step": "orchestrator.adapters.runners.functions.flow",
    "task": "orchestrator.adapters.runners.functions.crew",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)

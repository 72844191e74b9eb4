"""Crew Orchestrator: durable runs of CrewAI crews and flows that stop, ask a person, and carry on.

The public names, for users' own code; everything else is reached over HTTP, by message or with the
command ``orchestrator``.
"""

from orchestrator.adapters.runners.function_crew import FunctionCrew, TaskCall, task
from orchestrator.adapters.runners.function_flow import FunctionFlow, step

__all__ = ["FunctionCrew", "FunctionFlow", "TaskCall", "step", "task"]

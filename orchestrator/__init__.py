"""Crew Orchestrator: durable runs of CrewAI crews that stop, ask a person, and carry on.

The public names, for users' own code; everything else is reached over HTTP, by message or with the
command ``orchestrator``.
"""

from orchestrator.adapters.runners.function_crew import FunctionCrew, TaskCall, task

__all__ = ["FunctionCrew", "TaskCall", "task"]

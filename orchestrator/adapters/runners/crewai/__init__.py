"""Runs real CrewAI crews, one task for each call. CrewAI itself is imported at first use."""

from orchestrator.adapters.runners.crewai.runner import CrewaiRunner

__all__ = ["CrewaiRunner"]

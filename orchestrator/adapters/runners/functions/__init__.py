"""Runs crews and flows of plain Python functions."""

from orchestrator.adapters.runners.functions.runner import FunctionsRunner

__all__ = ["FunctionsRunner"]

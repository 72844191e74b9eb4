"""Executions: kick off, run their tasks, stop, retry, read."""

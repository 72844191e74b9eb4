"""Keeps a set of processes running, and starts those in Python by forking."""

from orchestrator.adapters.supervisor.process import Child, Process, spawn
from orchestrator.adapters.supervisor.supervisor import Supervisor
from orchestrator.adapters.supervisor.template import Template

__all__ = ["Child", "Process", "Supervisor", "Template", "spawn"]

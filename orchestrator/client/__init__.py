"""A client of the HTTP API, for producers and reviewers that are written in Python."""

from orchestrator.client.client import Client
from orchestrator.client.connection import MOST_IN_A_PAGE, CallRefused
from orchestrator.client.health import ServiceHealth, read_health
from orchestrator.client.status import ENDED, ExecutionStatus, OpenReview

__all__ = [
    "ENDED",
    "MOST_IN_A_PAGE",
    "CallRefused",
    "Client",
    "ExecutionStatus",
    "OpenReview",
    "ServiceHealth",
    "read_health",
]

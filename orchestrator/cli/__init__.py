"""The command ``orchestrator``."""

from __future__ import annotations

import sys

from orchestrator.cli import deliveries, demo, doctor, executions, services, tokens
from orchestrator.cli.application import application
from orchestrator.errors import OrchestratorError

__all__ = ["main"]

services.add_to(application)
executions.add_to(application)
application.command()(demo.demo)
application.command()(doctor.doctor)
application.add_typer(tokens.application, name="token")
application.add_typer(deliveries.deliveries, name="deliveries")
application.add_typer(deliveries.endpoints, name="endpoints")


def main() -> None:
    """Run the command; what went wrong is one line on standard error, and exit status 1."""
    try:
        application()
    except OrchestratorError as error:
        print(f"orchestrator: {error.message}", file=sys.stderr)  # noqa: T201 - this is a command
        sys.exit(1)

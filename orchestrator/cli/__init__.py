"""The command ``orchestrator``."""

from __future__ import annotations

import sys

from sqlalchemy.exc import SQLAlchemyError

from orchestrator.cli import (
    audit,
    deliveries,
    demo,
    deployments,
    doctor,
    executions,
    messages,
    reviews,
    services,
    tokens,
    watch,
)
from orchestrator.cli.application import application
from orchestrator.errors import DatabaseAway, OrchestratorError

__all__ = ["main"]

services.add_to(application)
executions.add_to(application)
reviews.add_to(application)
application.command()(watch.watch)
application.command()(messages.messages)
application.command()(demo.demo)
application.command()(doctor.doctor)
application.command()(audit.audit)
application.add_typer(tokens.application, name="token")
application.add_typer(deployments.deployments, name="deployments")
application.add_typer(deliveries.deliveries, name="deliveries")
application.add_typer(deliveries.endpoints, name="endpoints")


def main() -> None:
    """Run the command; what went wrong is one line on standard error, and exit status 1."""
    try:
        application()
    except DatabaseAway as error:
        _fail_for_database(error.__cause__ or error)
    except OrchestratorError as error:
        _fail(error.message)
    except SQLAlchemyError as error:
        _fail_for_database(error)


def _fail_for_database(error: BaseException) -> None:
    why = getattr(error, "orig", None) or error
    _fail(f"The database cannot be used: {why}. `orchestrator doctor` says how to mend it.")


def _fail(message: str) -> None:
    print(f"orchestrator: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201 - a command
    sys.exit(1)

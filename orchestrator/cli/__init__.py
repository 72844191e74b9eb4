"""The command ``orchestrator``.

Modules here import little: what a command needs beyond that it imports when it runs, so that help
and completion answer at once.
"""

from __future__ import annotations

import os
import sys

from orchestrator.cli import (
    assignment,
    audit,
    backup,
    checkpoints,
    deliveries,
    demo,
    deployments,
    doctor,
    executions,
    init,
    login,
    logs,
    mail,
    messages,
    reviews,
    secrets,
    services,
    tokens,
    watch,
)
from orchestrator.cli.application import application
from orchestrator.errors import DatabaseAway, OrchestratorError

__all__ = ["main"]

_STREAMS = {"stdin": "r", "stdout": "w", "stderr": "w"}

services.add_to(application)
executions.add_to(application)
checkpoints.add_to(application)
reviews.add_to(application)
assignment.add_to(application)
application.command()(watch.watch)
application.command()(messages.messages)
application.command()(init.init)
application.command()(login.login)
application.command()(login.logout)
application.command()(logs.logs)
application.command()(demo.demo)
application.command()(doctor.doctor)
application.add_typer(audit.audit, name="audit")
application.command()(backup.backup)
application.command()(backup.restore)
application.add_typer(secrets.application, name="secrets")
application.add_typer(tokens.application, name="token")
application.add_typer(deployments.deployments, name="deployments")
application.add_typer(mail.application, name="mail")
application.add_typer(deliveries.deliveries, name="deliveries")
application.add_typer(deliveries.endpoints, name="endpoints")


def main() -> None:
    """Run the command; what went wrong is one line on standard error, and exit status 1."""
    _open_what_was_closed()
    try:
        application(prog_name="orchestrator")
    except DatabaseAway as error:
        _fail_for_database(error.__cause__ or error)
    except OrchestratorError as error:
        _fail(error.message)
    except Exception as error:
        if _is_of(error, "sqlalchemy.exc", "SQLAlchemyError"):
            _fail_for_database(error)
        if _is_of(error, "requests", "RequestException"):
            _fail(f"The service cannot be reached: {_briefly(error)}")
        if isinstance(error, OSError):
            _fail(str(error))
        if isinstance(error, UnicodeEncodeError):  # a byte of an argument, or a poor terminal
            unwritten = error.object[error.start : error.end]
            _fail(f"{unwritten!r} cannot be written as {error.encoding}.")
        raise


def _open_what_was_closed() -> None:
    """Have the null device for the streams that it was started without, as by ``>&-``.

    A file or a connection would get their numbers, and what processes print.
    """
    while (free := os.open(os.devnull, os.O_RDWR)) < len(_STREAMS):
        os.set_inheritable(free, True)
    os.close(free)
    for number, (name, mode) in enumerate(_STREAMS.items()):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))


def _is_of(error: Exception, module: str, kind: str) -> bool:
    """Whether it is an error of a library, which was imported if it is."""
    return module in sys.modules and isinstance(error, getattr(sys.modules[module], kind))


def _briefly(error: Exception) -> str:
    """Where it was looked for: what libraries say of a connection is several lines long."""
    address = getattr(getattr(error, "request", None), "url", None)
    return f"{address} ({type(error).__name__})" if address else str(error)


def _fail_for_database(error: BaseException) -> None:
    why = getattr(error, "orig", None) or error
    _fail(f"The database cannot be used: {why}. `orchestrator doctor` says how to mend it.")


def _fail(message: str) -> None:
    print(f"orchestrator: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201 - a command
    sys.exit(1)

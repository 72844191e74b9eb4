"""The processes of the service: all of them with ``up``, or one at a time."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import structlog
import typer
import uvicorn

from orchestrator.adapters.logs import configure_logging
from orchestrator.adapters.sql import migrate
from orchestrator.adapters.system import give_back_large_memory
from orchestrator.adapters.telemetry import tracing
from orchestrator.api.app import create_app
from orchestrator.api.connections import allow_many_connections, bounded_http
from orchestrator.cli.application import Data, DeploymentFile, settings_with
from orchestrator.cli.up import run_everything
from orchestrator.settings import Settings, make_data_folder, require_writable
from orchestrator.usecases.operations.secret_key import sealed_warning
from orchestrator.usecases.operations.sweep import Swept, sweep
from orchestrator.usecases.operations.tokens import ensure_first_token
from orchestrator.wiring import make_ports

log = structlog.get_logger()

Host = Annotated[str | None, typer.Option(help="Address that the API listens on.")]
Port = Annotated[int | None, typer.Option(help="Port that the API listens on.")]

SWEEP_EVERY = 1.0
"""Seconds between two sweeps."""

KEEP_ALIVE = 75
"""Seconds that an idle connection is kept: longer than proxies keep theirs (60 s as a rule), or
their next request meets a connection that is just being closed."""


def add_to(application: typer.Typer) -> None:
    """Add these commands."""
    for command in (up, api, sweep_for_ever, migrate_database):
        name = {"sweep_for_ever": "sweep", "migrate_database": "migrate"}.get(command.__name__)
        application.command(name)(command)


def up(  # noqa: PLR0913 - a parameter is an option
    host: Host = None,
    port: Port = None,
    data: Data = None,
    deployments: DeploymentFile = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Tasks that the crew worker runs at a time.")
    ] = None,
    *,
    flower: Annotated[bool, typer.Option("--flower", help="Watch the jobs in Flower.")] = False,
    flower_port: Annotated[int, typer.Option(help="Port that Flower listens on.")] = 5555,
) -> None:
    """Run everything on this machine, in the foreground, until Ctrl-C or SIGTERM."""
    settings = settings_with(
        host=host,
        port=port,
        data=_absolute(data),
        deployments=_absolute(deployments),
        concurrency=concurrency,
    )
    configure_logging(settings)
    raise typer.Exit(run_everything(settings, flower_port if flower else None))


def api(
    host: Host = None, port: Port = None, data: Data = None, deployments: DeploymentFile = None
) -> None:
    """Serve the HTTP API."""
    settings = _settings_of_a_service(host=host, port=port, data=data, deployments=deployments)
    give_back_large_memory()
    ports = make_ports(settings)
    if settings.given_api_token is not None:
        ensure_first_token(ports, settings.given_api_token)
    sealed_warning(ports)
    app = create_app(
        ports,
        max_request_bytes=settings.max_request_bytes,
        max_waiting_requests=settings.max_waiting_requests,
        metrics_public=settings.metrics_public,
        cors_origins=settings.cors_origins,
    )
    allow_many_connections()
    uvicorn.run(
        tracing().requests(app),
        http=bounded_http(settings.request_timeout),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=int(settings.shutdown_grace),
        timeout_keep_alive=KEEP_ALIVE,
    )


def sweep_for_ever(data: Data = None, deployments: DeploymentFile = None) -> None:
    """See to what is due or was lost, every second, until SIGTERM. Safe to run many times."""
    settings = _settings_of_a_service(data=data, deployments=deployments)
    ports = make_ports(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        try:
            swept = sweep(ports)
        except Exception:
            log.exception("sweep failed; it goes on")
        else:
            if swept != Swept():
                log.info("swept", **{name: n for name, n in swept.counts().items() if n})
        stop.wait(SWEEP_EVERY)


def migrate_database(
    revision: Annotated[str, typer.Argument(help="The revision to upgrade to.")] = "head",
    data: Data = None,
    *,
    downgrade: Annotated[bool, typer.Option(help="Go back to the revision instead.")] = False,
) -> None:
    """Bring the database to this version's schema."""
    settings = settings_with(data=_absolute(data))
    make_data_folder(settings.data)
    if settings.database_url is None:
        require_writable(settings.data)
    url = settings.resolved_database_url
    move = migrate.downgrade if downgrade else migrate.upgrade
    move(url, revision)
    typer.echo(f"The database is at revision {migrate.current(url) or 'base'}.")


def _settings_of_a_service(
    *,
    host: str | None = None,
    port: int | None = None,
    data: Path | None = None,
    deployments: Path | None = None,
) -> Settings:
    settings = settings_with(
        host=host, port=port, data=_absolute(data), deployments=_absolute(deployments)
    )
    configure_logging(settings)
    return settings


def _absolute(path: Path | None) -> Path | None:
    return path.expanduser().resolve() if path else None

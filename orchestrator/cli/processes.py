"""What runs beside Celery's workers: the API, the sweep, and what comes before all of them."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

import structlog
import typer
import uvicorn

from orchestrator.adapters.logs import configure_logging, keep_bounded
from orchestrator.adapters.sql import migrate
from orchestrator.adapters.system import give_back_large_memory
from orchestrator.adapters.telemetry import tracing
from orchestrator.api.app import create_app
from orchestrator.api.connections import allow_many_connections, bounded_http
from orchestrator.api.server import serve
from orchestrator.cli.listening import require_free_address, shared_sockets
from orchestrator.errors import NotMigrated
from orchestrator.ports import Ports
from orchestrator.settings import Settings
from orchestrator.usecases.access.tokens import ensure_first_token
from orchestrator.usecases.operations.declared import note_declared
from orchestrator.usecases.operations.secret_key import sealed_warning
from orchestrator.usecases.operations.sweep import Swept, sweep
from orchestrator.wiring import make_ports

log = structlog.get_logger()

SWEEP_EVERY = 1.0
"""Seconds between two sweeps."""

LAST_ROUND = 5.0
"""Seconds that a round has to come to its end when the sweep is told to."""

KEEP_ALIVE = 75
"""Seconds that an idle connection is kept: longer than proxies keep theirs (60 s as a rule), or
their next request meets a connection that is just being closed."""


def serve_api(settings: Settings) -> None:
    """Serve the HTTP API. Raises AddressInUse before anything else."""
    sockets: Sequence[socket.socket] = ()
    if settings.api_processes > 1:
        sockets = shared_sockets(settings.host, settings.port)
    else:
        require_free_address(settings.host, settings.port)
    configure_logging(settings)
    give_back_large_memory()
    ports = make_ports(settings)
    if settings.given_api_token is not None:
        ensure_first_token(ports, settings.given_api_token)
    sealed_warning(ports)
    note_declared(ports)
    app = create_app(
        ports,
        max_request_bytes=settings.max_request_bytes,
        max_waiting_requests=settings.max_waiting_requests,
        metrics_public=settings.metrics_public,
        cors_origins=settings.cors_origins,
    )
    allow_many_connections()
    config = uvicorn.Config(
        tracing().requests(app),
        http=bounded_http(settings.request_timeout),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=int(settings.shutdown_grace),
        timeout_keep_alive=KEEP_ALIVE,
    )
    serve(config, app.state.feed.end, sockets)


def prepare(settings: Settings) -> None:
    """Bring the database to this version's schema, and see to it that somebody can call.

    Stores the token of the environment; without one, makes the first token and prints it once. Says
    so where the secret key is not the one that wrote what is encrypted.
    """
    configure_logging(settings)
    migrate.upgrade(settings.resolved_database_url)
    ports = make_ports(settings)
    try:
        made = ensure_first_token(ports, settings.given_api_token)
        warning = sealed_warning(ports)
    finally:
        ports.store.dispose()
    if made:
        typer.echo(f"API token (shown this once): {made}")
    if warning:
        typer.echo(f"WARNING: {warning}")


def sweep_for_ever(settings: Settings) -> None:
    """See to what is due or was lost, every second. Safe to run many times."""
    configure_logging(settings)
    ports = make_ports(settings)
    stop = _stop_on_signal()
    log_grows = waits = False
    while not stop.is_set():
        log_grows = grows(settings.log_file, is_known=log_grows)
        waits = not sweep_once(ports, is_known=waits)
        stop.wait(SWEEP_EVERY)


def _stop_on_signal() -> threading.Event:
    """What is set once this process is told to end; it ends soon after that, whatever it waits for.

    A round is many steps, and a database that says nothing has each of them wait for seconds. To
    end in its middle is to crash there, which loses nothing.
    """
    stop = threading.Event()

    def end(*_: object) -> None:
        stop.set()
        timer = threading.Timer(LAST_ROUND, os._exit, (os.EX_OK,))
        timer.daemon = True
        timer.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    return stop


def sweep_once(ports: Ports, *, is_known: bool) -> bool:
    """Sweep, and survive it; False where the database has to be migrated, which is said once."""
    try:
        swept = sweep(ports)
    except NotMigrated as error:
        if not is_known:
            log.error("sweep waits for the database", error=error.message)  # noqa: TRY400 - it says all
        return False
    except Exception:
        log.exception("sweep failed; it goes on")
    else:
        if swept != Swept():
            log.info("swept", **{name: n for name, n in swept.counts().items() if n})
    return True


def grows(log_file: Path | None, *, is_known: bool) -> bool:
    """Keep the log file bounded; whether that cannot be done now, which is said once."""
    if log_file is None:
        return False
    try:
        keep_bounded(log_file)
    except OSError as error:
        if not is_known:
            says = "log file cannot be moved aside, it grows"
            log.error(says, file=str(log_file), error=str(error))  # noqa: TRY400 - the error says all
        return True
    return False

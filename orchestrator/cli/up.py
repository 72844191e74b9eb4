"""Everything on one machine: what ``orchestrator up`` starts, in which order."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import typer

from orchestrator import jobs
from orchestrator.adapters.sql import migrate
from orchestrator.adapters.supervisor import Child, Supervisor
from orchestrator.adapters.valkey import EmbeddedBroker
from orchestrator.cli.flower import LOOPBACK, flower_child
from orchestrator.errors import AddressInUse
from orchestrator.settings import PREFIX, Settings, make_data_folder, require_writable
from orchestrator.usecases.operations.secret_key import sealed_warning
from orchestrator.usecases.operations.tokens import ensure_first_token
from orchestrator.wiring import make_ports

GRACE_AFTER_GRACE = 20.0
"""Seconds that a worker has, after its jobs' grace, to give its claims back and end."""


def run_everything(settings: Settings, flower_port: int | None = None) -> int:
    """Run all processes until a signal, with Flower where it has a port; returns the exit status.

    Raises AddressInUse, AlreadyRunning, BrokerFailed and InvalidSettings before anything starts.
    """
    _require_free_address(settings.host, settings.port)
    if flower_port is not None:
        _require_free_address(LOOPBACK, flower_port, "--flower-port")
    make_data_folder(settings.data)
    require_writable(settings.data)
    with ExitStack() as held:
        children = []
        if settings.broker_url is None:
            broker = EmbeddedBroker(settings.data)
            held.enter_context(broker.reserved())
            children.append(Child("broker", broker.argv, ready=broker.answers))
        migrate.upgrade(settings.resolved_database_url)
        _check_secrets(settings)
        _announce(settings)
        children += _services(settings, watched=flower_port is not None)
        if flower_port is not None:
            children.append(flower_child(flower_port))
        return Supervisor(children).run()


def _require_free_address(host: str, port: int, option: str = "--port") -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AddressInUse(host, port, error.strerror or str(error), option) from None


def _check_secrets(settings: Settings) -> None:
    """Store the token of the environment; without one, make the first token and print it once.

    Says so where the secret key is not the one that wrote what is encrypted.
    """
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


def _announce(settings: Settings) -> None:
    typer.echo(f"Crew Orchestrator on {_base_url(settings)} (data in {settings.data})")
    sys.stdout.flush()


def _base_url(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def _services(settings: Settings, *, watched: bool) -> list[Child]:
    environment = {
        PREFIX + "PUBLIC_URL": settings.public_url or _base_url(settings),
        "REMAP_SIGTERM": "SIGQUIT",  # a worker told to stop gives its jobs their grace, no more
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH")])
        ),
    }
    grace = settings.shutdown_grace + GRACE_AFTER_GRACE
    events = ["--task-events"] if watched else []
    crews = _worker(jobs.CREWS, "--concurrency", str(settings.concurrency), *events)
    webhooks = _worker(jobs.WEBHOOKS, "--pool", "threads", "--concurrency", "16", *events)
    intake = _worker(jobs.INTAKE, "--pool", "threads", "--concurrency", "2", *events)
    module = [sys.executable, "-m", "orchestrator"]
    return [
        Child("crews", crews, environment, grace=grace),
        Child("webhooks", webhooks, environment, grace=grace),
        Child("intake", intake, environment, grace=grace),
        Child("sweep", [*module, "sweep"], environment),
        Child("api", [*module, "api"], environment, grace=grace),
    ]


def _worker(queue: str, *options: str) -> list[str]:
    celery = [sys.executable, "-m", "celery", "-A", "workers.app", "worker"]
    quiet = ["--without-mingle", "--without-gossip", "--loglevel", "WARNING"]
    return [*celery, "-Q", queue, "-n", f"{queue}@%h", *quiet, *options]

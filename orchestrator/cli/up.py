"""Everything on one machine: what ``orchestrator up`` starts, in which order."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import typer

from orchestrator import jobs
from orchestrator.adapters.deployment_file import load_deployments
from orchestrator.adapters.logs import PRINTED
from orchestrator.adapters.schema_lock import migrating
from orchestrator.adapters.supervisor import Child, Process, Supervisor, Template
from orchestrator.adapters.valkey import EmbeddedBroker, held_alone
from orchestrator.cli.flower import LOOPBACK, flower_child
from orchestrator.cli.listening import require_free_address
from orchestrator.cli.template import environment_of_imports
from orchestrator.client import read_health
from orchestrator.settings import PREFIX, Settings, make_data_folder, require_writable

_ORCHESTRATOR = (sys.executable, "-m", "orchestrator")

RARELY = "10"
"""Seconds between two signs of life that a worker gives to monitors, where none was started."""

LATE = 20.0
"""Seconds after which the other processes start, ready or not."""

GRACE_OF_A_MIGRATION = 10.0
"""Seconds that it has to come to an end when `up` is told to stop."""

BETWEEN_LOOKS, BETWEEN_LATE_LOOKS = 0.1, 5.0
"""Seconds between two looks at the health, and where it has not become good for long."""

GRACE_AFTER_GRACE = 20.0
"""Seconds that a worker has, after its jobs' grace, to give its claims back and end."""


@dataclass(frozen=True, slots=True)
class Extras:
    """The ports of what is started only where it is asked for."""

    flower: int | None = None
    mail_sink: int | None = None


def run_everything(settings: Settings, template: Template, extras: Extras = Extras()) -> int:
    """Run all processes until a signal, with what else is asked for; returns the exit status.

    What takes longest to be ready starts first: the crew worker, while the database is migrated.
    What nobody waits for starts once the service is ready.
    Raises AddressInUse, AlreadyRunning, BrokerFailed and InvalidSettings before anything starts.
    """
    require_free_address(settings.host, settings.port)
    if extras.flower is not None:
        require_free_address(LOOPBACK, extras.flower, "--flower-port")
    if extras.mail_sink is not None:
        require_free_address(LOOPBACK, extras.mail_sink, "--mail-sink-port")
    make_data_folder(settings.data)
    require_writable(settings.data)
    if settings.log_file is not None:
        settings.log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    load_deployments(settings.deployments)
    flower = None if extras.flower is None else flower_child(extras.flower)
    sink = None if extras.mail_sink is None else _sink(extras.mail_sink)
    with ExitStack() as held:
        children = []
        if settings.broker_url is None:
            broker = EmbeddedBroker(settings.data)
            held.enter_context(broker.reserved())
            children.append(Child("broker", broker.argv, ready=broker.answers))
        else:
            held.enter_context(held_alone(settings.data))
        preparation = held.enter_context(Preparation(settings.data, template.start))
        announcement = _Announcement(settings)
        crews, api, first, *others = _services(settings, watched=flower is not None)
        children += [
            replace(crews, waits_for=template.is_settled),
            *([sink] if sink else []),
            replace(api, waits_for=preparation.is_done),
            replace(first, waits_for=announcement.is_made_or_late),
            *others,
            *([flower] if flower else []),
        ]
        if settings.log_file is not None and sys.stdout.isatty():  # a person reads, not a journal
            printed = settings.log_file.with_name(PRINTED)
            children = [
                child if child is sink else replace(child, output=printed) for child in children
            ]
        return Supervisor(children, announcement.is_made, template.start).run()


class Preparation:
    """``orchestrator prepare`` in a process of its own; workers keep off the database meanwhile."""

    def __init__(self, data: Path, start: Callable[[Child], Process]) -> None:
        self._data = data
        self._start = start
        self._process: Process | None = None
        self._held = ExitStack()

    def __enter__(self) -> Self:
        self._held.enter_context(migrating(self._data))
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(GRACE_OF_A_MIGRATION)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGKILL)
                self._process.wait()
        self._held.close()

    def is_done(self) -> bool:
        """Whether the database can be used; who asks first has it begin.

        Raises SystemExit where it said that it cannot.
        """
        if self._process is None:
            self._process = self._start(Child("prepare", [*_ORCHESTRATOR, "prepare"]))
        status = self._process.poll()
        if status:
            raise SystemExit(status)
        if status == 0:
            self._held.close()
        return status == 0


class _Announcement:
    """Says that the service is ready, once it is, and what a person needs next."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = _base_url(settings)
        self._said = ""
        self._made = False
        self._look_at = 0.0
        self._late_at = time.monotonic() + LATE

    def is_made_or_late(self) -> bool:
        """Whether to wait no longer."""
        return self.is_made() or time.monotonic() > self._late_at

    def is_made(self) -> bool:
        """Say it where it is true by now and was not said."""
        self._made = self._made or self._is_ready()
        return self._made

    def _is_ready(self) -> bool:
        now = time.monotonic()
        if now < self._look_at:
            return False
        self._look_at = now + (BETWEEN_LOOKS if now < self._late_at else BETWEEN_LATE_LOOKS)
        health = read_health(self._url)
        if health.is_ok:
            self._say_ready(health.said)
        elif health.is_hopeless and health.said.get("message") != self._said:
            self._said = str(health.said.get("message"))
            typer.echo(f"Not ready: {self._said}", err=True)
        return health.is_ok

    def _say_ready(self, health: Mapping[str, Any]) -> None:
        settings = self._settings
        log_files = settings.log_file.parent if settings.log_file else "standard error"
        made = "the one shown at the first start; `orchestrator token create` makes more"
        token = "that of ORCHESTRATOR_API_TOKEN" if settings.given_api_token else made
        typer.echo(
            f"Crew Orchestrator is ready on {self._url}\n"
            f"  token       {token}\n"
            f"  calls       {self._url}/openapi.json\n"
            f"  data        {settings.data}\n"
            f"  logs        {log_files}; `orchestrator logs EXECUTION` shows one execution's"
        )
        if health.get("broken"):
            broken = ", ".join(health["broken"])
            typer.echo(f"  NOT LOADED  {broken}: `orchestrator deployments list` says why")
        sys.stdout.flush()


def _base_url(settings: Settings) -> str:
    """How this machine reaches the API: whoever listens on all addresses is reached on none."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _services(settings: Settings, *, watched: bool) -> list[Child]:
    public_url = settings.public_url or _base_url(settings)
    environment = {**environment_of_imports(), PREFIX + "PUBLIC_URL": public_url}
    grace = settings.shutdown_grace + GRACE_AFTER_GRACE
    events = ["--task-events"] if watched else ["--heartbeat-interval", RARELY]
    queues = load_deployments(settings.deployments).queues()
    crews = _worker(jobs.CREWS, "--concurrency", str(settings.concurrency), *events, queues=queues)
    threads = ("--pool", "threads", "--concurrency")
    sends = (jobs.WEBHOOKS, jobs.MAIL)
    webhooks = _worker(jobs.WEBHOOKS, *threads, "16", *events, queues=sends)
    intake = _worker(jobs.INTAKE, *threads, "2", *events)
    api = Child("api", [*_ORCHESTRATOR, "api"], environment, grace=grace)
    return [
        Child("crews", crews, environment, grace=grace),
        api,
        Child("webhooks", webhooks, environment, grace=grace),
        Child("intake", intake, environment, grace=grace),
        Child("sweep", [*_ORCHESTRATOR, "sweep"], environment),
        *(replace(api, name=f"api {n}") for n in range(2, settings.api_processes + 1)),
    ]


def _sink(port: int) -> Child:
    """It shows mails to whoever started this: its output stays on the terminal."""
    typer.echo(f"Mails are shown here, and go nowhere (port {port})")
    sys.stdout.flush()
    return Child("mail sink", [*_ORCHESTRATOR, "mail", "sink", "--port", str(port)])


def _worker(name: str, *options: str, queues: Sequence[str] = ()) -> list[str]:
    """The command of a worker; it consumes the queue of its name unless others are given."""
    celery = [sys.executable, "-m", "celery", "--quiet", "-A", "workers.app", "worker"]
    quiet = ["--without-mingle", "--without-gossip", "--loglevel", "WARNING"]
    return [*celery, "-Q", ",".join(queues or [name]), "-n", f"{name}@%h", *quiet, *options]

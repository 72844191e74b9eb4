"""A whole service, as ``orchestrator up`` runs it, for tests to use and to hurt."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar

import psutil
import requests
from processes import came_true, free_port, kill_all
from redis import Redis
from sqlalchemy import Executable, create_engine, update

from orchestrator.adapters.sql.schema import deliveries, drains, inbound_mails, task_runs
from orchestrator.client import Client, ExecutionStatus, OpenReview
from orchestrator.domain.task_run import TaskRun
from orchestrator.ports import Ports
from orchestrator.settings import Settings, embedded_socket
from orchestrator.wiring import make_ports

T = TypeVar("T")

SECONDS = 30.0
"""How long a test waits for a condition before it gives up."""

SECONDS_TO_START = 120.0
"""The same for a service: on a busy machine CrewAI alone imports for half a minute."""

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

CRASH_POINTS = (
    "before-commit",
    "after-commit",
    "after-publish",
    "after-claim",
    "after-send",
    "after-mail-answer",
)

WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

DEPLOYMENTS = {
    "article": "user_crews:article",
    "plain": "user_crews:plain",
    "doomed": "user_crews:doomed",
    "broken": "user_crews_that_do_not_import:crew",
}
"""The functions that a service serves unless a test says otherwise."""


class Service:
    """One ``orchestrator up`` with a data folder, a port and a token of its own.

    ``environment`` adds settings, by their names without the prefix.
    """

    def __init__(
        self,
        folder: Path,
        *,
        functions: Mapping[str, str] | None = None,
        crews: Mapping[str, str] | None = None,
        flows: Mapping[str, str] | None = None,
        **environment: str,
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self.token = "a token of the tests"
        self.log_path = folder / "up.log"
        self.deployments = folder / "deployments.toml"
        self.deployments.write_text(_toml(functions, crews, flows))
        self.environment = _environment(folder, self.token, environment)
        for place in CRASH_POINTS:
            self.guard(place).touch()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = Client(self.url, self.token)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.kill()
            raise

    def __exit__(self, *_: object) -> None:
        if self.is_up:
            self.terminate()
        self.client.close()
        if "ports" in self.__dict__:
            self.ports.store.dispose()
        if self.data not in embedded_socket(self.data).parents:
            shutil.rmtree(embedded_socket(self.data).parent, ignore_errors=True)

    # Life and death

    @property
    def command(self) -> list[str]:
        """What runs the service in the foreground."""
        options = ["--port", str(self.port), "--data", str(self.data)]
        options += ["--deployments", str(self.deployments)]
        return [sys.executable, "-m", "orchestrator", "up", *options]

    @property
    def is_up(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start it, on the data of an earlier life if there was one, and wait until it is ready."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.await_ready()
        return self

    def await_ready(self) -> None:
        """Wait until it takes executions and the workers it has now carry them on."""
        self.until(lambda: not self.is_up or self._is_ready(), SECONDS_TO_START)
        assert self.is_up, f"the service ended:\n{self._log_tail()}"

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).ok
        except requests.RequestException:
            return False

    def terminate(self) -> None:
        """Stop it in order; it must end with status 0."""
        process = self._running()
        process.terminate()
        assert process.wait(SECONDS) == 0, self._log_tail()

    def kill(self) -> None:
        """A power cut: all processes end at once, as they stand."""
        process = self._running()
        kill_all([psutil.Process(process.pid), *self._tree()])
        process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def _tree(self) -> list[psutil.Process]:
        return list(psutil.Process(self._running().pid).children(recursive=True))

    # Its processes

    def process(self, name: str) -> psutil.Process:
        """The process of that name: broker, crews, webhooks, intake, sweep or api."""
        return self.until(lambda: self._find(name))

    def _find(self, name: str) -> psutil.Process | None:
        wanted = str(embedded_socket(self.data)) if name == "broker" else name
        for process in psutil.Process(self._running().pid).children():
            with suppress(psutil.Error):
                if {wanted, f"{name}@%h"} & {*process.cmdline()}:
                    return process
        return None

    def kill_worker(self, name: str) -> None:
        """A process and its children end at once; returns when the supervisor started another."""
        killed = self.process(name)
        kill_all([killed, *killed.children(recursive=True)])
        self.until(lambda: (new := self._find(name)) and new.pid != killed.pid)

    def crash_next(self, place: str, name: str = "") -> None:
        """Have the process of that name crash at this crash point, once; without, the first there.

        Every process commits now and then, so a commit wants a name.
        """
        if name:
            self.guard(place).write_text(str(self.process(name).pid))
        else:
            self.guard(place).unlink()

    def guard(self, place: str) -> Path:
        """The file that keeps a crash point from being one for all but the process it names.

        A crash puts it back, empty.
        """
        return self.folder / f"crash.{place}"

    # Its insides

    @cached_property
    def ports(self) -> Ports:
        """The service's own world, to look into its database."""
        return make_ports(self._settings)

    @property
    def _settings(self) -> Settings:
        database = self.environment.get("ORCHESTRATOR_DATABASE_URL")
        return Settings(data=self.data, deployments=self.deployments, database_url=database)

    @property
    def broker(self) -> Redis:
        """A client of the embedded broker."""
        return Redis(unix_socket_path=str(embedded_socket(self.data)))

    def write(self, statement: Executable) -> None:
        """Change rows behind the service's back."""
        engine = create_engine(self._settings.resolved_database_url)
        with engine.begin() as connection:
            connection.execute(statement)
        engine.dispose()

    def lapse(self, execution_id: str) -> None:
        """Have the leases of an execution's runs and deliveries, and of drains, end now.

        A sweep that just began has every lease begin anew: so after its first heartbeat.
        """
        asked_at = datetime.now(UTC)
        self.until(lambda: (self._last_beat() or asked_at) > asked_at)
        for table in (task_runs, deliveries):
            held = table.c.lease_until.is_not(None)
            mine = update(table).where(table.c.execution_id == execution_id, held)
            self.write(mine.values(lease_until=table.c.created_at))
        self.write(update(drains).values(lease_until=datetime(2000, 1, 1, tzinfo=UTC)))

    def _last_beat(self) -> datetime | None:
        return self.ports.store.read(lambda tx: tx.sweeps.last_beat())

    def sweep_now(self) -> None:
        """Have the sweep publish again what waits, rather than in a minute."""
        for table in (task_runs, deliveries):
            waits = update(table).where(table.c.state.in_(("DUE", "PENDING")))
            self.write(waits.values(wake_at=table.c.due_at))
        self.write(update(inbound_mails).values(wake_at=inbound_mails.c.received_at))

    @property
    def log(self) -> str:
        """All that its processes wrote."""
        return self.log_path.read_text(errors="replace")

    def _log_tail(self) -> str:
        return "\n".join(self.log.splitlines()[-40:])

    # What tests do with it

    def call(self, method: str, path: str, body: object = None, **more: Any) -> requests.Response:
        """One HTTP call with the token, without what the client adds."""
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        url = self.url + path
        return requests.request(method, url, json=body, headers=headers, timeout=30, **more)

    def until(self, condition: Callable[[], T | None], seconds: float = SECONDS) -> T:
        """Wait until the condition holds, and return what it gave."""
        found = came_true(condition, seconds)
        if found is not None:
            return found
        raise AssertionError(f"this did not come about. The end of the log:\n{self._log_tail()}")

    def asked(self, deployment: str, execution_id: str, *answered: OpenReview) -> OpenReview:
        """Wait for a review that is not among the answered ones."""
        done = frozenset(review.id for review in answered)
        status = self.client.wait(deployment, execution_id, seconds=SECONDS, answered=done)
        assert status.pending, status.body
        return next(review for review in status.pending if review.id not in done)

    def ended(self, deployment: str, execution_id: str) -> ExecutionStatus:
        """Wait for the end, whoever is still asked something."""

        def look() -> ExecutionStatus | None:
            status = self.client.status(deployment, execution_id)
            return status if status.has_ended else None

        return self.until(look)

    def has_refused(self, task_run_id: str) -> bool:
        """Whether a worker came with a result of this run after its claim was lost."""
        lines = self.log.splitlines()
        return any("result refused" in line and task_run_id in line for line in lines)

    def task_run(self, execution_id: str, task: str) -> TaskRun:
        """The newest run of a task, as the database has it."""
        runs = self.ports.store.read(lambda tx: tx.task_runs.of(execution_id))
        return [run for run in runs if run.task_name == task][-1]


def _toml(
    functions: Mapping[str, str] | None,
    crews: Mapping[str, str] | None,
    flows: Mapping[str, str] | None,
) -> str:
    declared = {"functions": functions, "crew": crews, "flow": flows}
    if not any(declared.values()):
        declared["functions"] = DEPLOYMENTS
    entries = [
        (name, key, target)
        for key, targets in declared.items()
        for name, target in (targets or {}).items()
    ]
    return "\n".join(f'[deployments.{name}]\n{key} = "{target}"' for name, key, target in entries)


def _environment(folder: Path, token: str, settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of the tests without settings of this project, and with bytecode kept."""
    unwanted = ("ORCHESTRATOR_", "PYTHONDONTWRITEBYTECODE", "COV_")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
    python_path = (str(Path(__file__).parent), os.environ.get("PYTHONPATH"))
    own = {
        "ORCHESTRATOR_API_TOKEN": token,
        "ORCHESTRATOR_WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8",
        "ORCHESTRATOR_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "ORCHESTRATOR_SHUTDOWN_GRACE": "1",
        "ORCHESTRATOR_CRASH_POINT": ",".join(CRASH_POINTS),
        "ORCHESTRATOR_CRASH_POINT_ONCE": str(folder / "crash"),
        "PYTHONPATH": os.pathsep.join(filter(None, python_path)),
        "HOME": str(folder),
    }
    return {**inherited, **own, **{f"ORCHESTRATOR_{k.upper()}": v for k, v in settings.items()}}

"""A whole service between proxies, with short leases, for faults to be brought about."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Self

import psutil
from loopback_proxy import Address, LoopbackProxy
from processes import kill_all
from servers import OwnBroker, OwnPostgres
from service import WEBHOOK_SECRET, Service

HURT = Path(__file__).parent / "hurt"

DISK = "48m"

FUNCTIONS = {"crew": "hurt_bodies:crew", "plain_flow": "hurt_bodies:plain_flow"}
FLOWS = {"real_flow": "hurt_flow:HurtFlow"}
MORE = "max_attempts = 60\ncarry_webhooks = true\n"
"""What each deployment says beside: no fault is to fail an execution."""


class HurtService(Service):
    """The service, its broker, its database where that is a server, and the ways between them.

    Crew workers reach broker and database by ways of their own, so that these can be cut on one
    side. ``real_flows`` has a CrewAI flow served as well, at the cost of CrewAI's import.
    ``own_disk`` mounts a small file system under the data folder, which root alone may.
    """

    def __init__(
        self, folder: Path, *, postgres: bool, real_flows: bool, own_disk: bool = False
    ) -> None:
        self._own_disk = own_disk
        self._held = ExitStack()
        self.own_broker = OwnBroker(folder / "own-broker")
        self.own_postgres = OwnPostgres() if postgres else None
        self.ways: dict[str, LoopbackProxy] = {}
        super().__init__(
            folder,
            functions=FUNCTIONS,
            flows=FLOWS if real_flows else None,
            webhook_timeout="2",
            database_statement_timeout="3",
            database_lock_timeout="2",
        )
        self.serves = (FUNCTIONS | (FLOWS if real_flows else {})).__contains__
        toml = self.deployments.read_text()
        for name in FUNCTIONS | FLOWS:
            toml = toml.replace(f"[deployments.{name}]\n", f"[deployments.{name}]\n{MORE}")
        self.deployments.write_text(toml)
        self.clocks = folder / "clocks"
        self.clocks.mkdir()
        environment = self.environment
        environment["FAULT_CLOCKS"] = str(self.clocks)
        environment["PYTHONPATH"] = f"{HURT}{os.pathsep}{environment['PYTHONPATH']}"

    def __enter__(self) -> Self:
        try:
            self._open_ways()
            return super().__enter__()
        except BaseException:
            self._held.close()
            raise

    def __exit__(self, *exception: object) -> None:
        with self._held:
            super().__exit__(*exception)

    def _open_ways(self) -> None:
        if self._own_disk:
            self.data.mkdir()
            size = ["-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(self.data)]
            subprocess.run(["mount", *size], check=True)
            self._held.callback(subprocess.run, ["umount", "-l", str(self.data)], check=True)
        self._held.enter_context(self.own_broker)
        self._lay("BROKER_URL", ("127.0.0.1", self.own_broker.port), self.own_broker.url)
        if self.own_postgres is not None:
            self._held.enter_context(self.own_postgres)
            self._lay("DATABASE_URL", self.own_postgres.socket, self.own_postgres.url)

    def _lay(self, setting: str, server: Address, url: Callable[[int], str]) -> None:
        kind = setting.removesuffix("_URL").lower()
        for name, variable in (("", "ORCHESTRATOR_"), ("crews-", "FAULT_CREWS_")):
            way = self._held.enter_context(LoopbackProxy(server))
            self.ways[name + kind] = way
            self.environment[variable + setting] = url(way.port)

    @property
    def secrets(self) -> list[str]:
        """What no log may hold."""
        made = (self.data / "secret_key").read_text()
        words = [self.token, WEBHOOK_SECRET.removeprefix("whsec_"), made.strip()]
        return [*words, OwnBroker.password, OwnPostgres.password]

    @property
    def logs(self) -> str:
        """All that its processes wrote, wherever."""
        files = [self.log_path, *(self.data / "logs").glob("*")]
        return "\n".join(file.read_text(errors="replace") for file in files if file.exists())

    def children(self) -> list[psutil.Process]:
        """The processes of the crew worker that run tasks."""
        return self.process("crews").children(recursive=True)

    def turn_clock(self, kind: str, seconds: float) -> None:
        """Have the clock of all processes of a kind be wrong by so many seconds."""
        (self.clocks / kind).write_text(str(seconds))

    # Processes beside those of ``up`` -----------------------------------------------------------

    def second(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start one more process of the service's, in its environment."""
        own = {
            **self.environment,
            "ORCHESTRATOR_DATA": str(self.data),
            "ORCHESTRATOR_DEPLOYMENTS": str(self.deployments),
            **environment,
        }
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=self.folder,
                env=own,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def second_worker(self, name: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start one more crew worker; returns when the database knows of it."""
        celery = ("celery", "--quiet", "-A", "workers.app", "worker", "-Q", "crews")
        options = ("-n", f"{name}@%h", "--concurrency", "1", "--without-mingle")
        worker = self.second(*celery, *options, "--without-gossip", **environment)
        self.until(lambda: any(each.startswith(f"{name}@") for each in self._workers()), 150.0)
        return worker

    def _workers(self) -> tuple[str, ...]:
        lately = timedelta(seconds=30)
        return self.ports.store.read(lambda tx: tx.workers.consuming("crews", lately))


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started beside, and its children."""
    if process.poll() is None:
        tree = psutil.Process(process.pid)
        kill_all([tree, *tree.children(recursive=True)])
    process.wait()

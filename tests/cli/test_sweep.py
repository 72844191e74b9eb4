from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SECONDS = 30.0


@pytest.fixture
def silent_database() -> Iterator[socket.socket]:
    """It lets everybody in, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(SECONDS)
        yield listener


@pytest.fixture
def sweep(silent_database: socket.socket, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        "ORCHESTRATOR_DATA": str(tmp_path),
        "ORCHESTRATOR_DATABASE_URL": "postgresql://{}:{}/b".format(*silent_database.getsockname()),
        "ORCHESTRATOR_DATABASE_CONNECT_TIMEOUT": "60",
    }
    command = [sys.executable, "-m", "orchestrator", "sweep"]
    with subprocess.Popen(command, env={**os.environ, **environment}) as process:
        yield process
        process.kill()


@pytest.mark.processes
@pytest.mark.postgres
def test_it_ends_when_it_is_told_to_though_its_database_says_nothing(
    sweep: subprocess.Popen[bytes], silent_database: socket.socket
) -> None:
    with silent_database.accept()[0]:
        sweep.terminate()
        assert sweep.wait(SECONDS) == 0

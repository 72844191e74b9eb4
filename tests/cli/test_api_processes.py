"""Several API processes of one machine share a port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from processes import came_true, free_port

from orchestrator.adapters.sql.migrate import upgrade
from orchestrator.cli.listening import require_free_address, shared_sockets
from orchestrator.cli.up import _services
from orchestrator.errors import AddressInUse
from orchestrator.settings import Settings

SECONDS = 30.0
HOST = "127.0.0.1"


@pytest.fixture
def deployments(tmp_path: Path) -> Path:
    file = tmp_path / "deployments.toml"
    file.write_text('[deployments.crew]\nfunctions = "user_crews:plain"\n')
    return file


@pytest.mark.parametrize("host", [HOST, "localhost"])
def test_an_address_is_shared_with_those_who_share_it_alone(host: str) -> None:
    port = free_port()
    with ExitStack() as open_:
        for _ in range(2):
            for each in shared_sockets(host, port):
                open_.enter_context(each).listen()
        with pytest.raises(AddressInUse):
            require_free_address(HOST, port)
    with socket.create_server((HOST, port)), pytest.raises(AddressInUse, match="Choose another"):
        shared_sockets(host, port)


def test_a_name_that_leads_to_what_the_kernel_lacks_leads_to_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As ``localhost`` does where IPv6 is switched off."""
    both: list[tuple[socket.AddressFamily, Any]] = [
        (socket.AF_INET6, ("::1", 0, 0, 0)),
        (socket.AF_INET, (HOST, 0)),
    ]
    found = [(family, socket.SOCK_STREAM, 6, "", address) for family, address in both]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr("orchestrator.cli.listening._has_ipv6", lambda: False)
    (made,) = shared_sockets("localhost", 0)
    with made:
        assert made.family is socket.AF_INET


def test_an_address_of_another_machine() -> None:
    with pytest.raises(AddressInUse, match=r"Cannot listen on 192\.0\.2\.1"):
        shared_sockets("192.0.2.1", free_port())


def test_up_starts_as_many_as_are_set(tmp_path: Path, deployments: Path) -> None:
    settings = Settings(data=tmp_path, deployments=deployments, api_processes=3)
    names = [child.name for child in _services(settings, watched=False)]
    assert [name for name in names if name.startswith("api")] == ["api", "api 2", "api 3"]


@pytest.fixture
def two(tmp_path: Path, deployments: Path) -> Iterator[tuple[list[subprocess.Popen[bytes]], int]]:
    """Two API processes, and their port."""
    url, port = f"sqlite:///{tmp_path / 'migrated.db'}", free_port()
    upgrade(url)
    environment = {
        **os.environ,
        "ORCHESTRATOR_DATA": str(tmp_path / "data"),
        "ORCHESTRATOR_DEPLOYMENTS": str(deployments),
        "ORCHESTRATOR_DATABASE_URL": url,
        "ORCHESTRATOR_BROKER_URL": "memory://",
        "ORCHESTRATOR_SECRET_KEY": "shared",
        "ORCHESTRATOR_API_PROCESSES": "2",
        "ORCHESTRATOR_PORT": str(port),
    }
    api = [sys.executable, "-m", "orchestrator", "api"]
    with (tmp_path / "api.log").open("wb") as log:
        started = [subprocess.Popen(api, env=environment, stderr=log) for _ in range(2)]
    yield started, port
    for process in started:
        process.kill()
        process.wait()


def listens(process: subprocess.Popen[bytes], port: int) -> bool:
    connections = psutil.Process(process.pid).net_connections()
    return any(each.laddr.port == port for each in connections if each.status == "LISTEN")


@pytest.mark.processes
def test_where_one_dies_the_others_answer_all(
    two: tuple[list[subprocess.Popen[bytes]], int],
) -> None:
    (first, second), port = two
    assert came_true(lambda: all(listens(each, port) for each in (first, second)), SECONDS)
    first.kill()
    first.wait()
    answers = [requests.get(f"http://{HOST}:{port}/livez", timeout=SECONDS) for _ in range(50)]
    assert {answer.status_code for answer in answers} == {200}
    second.terminate()
    assert came_true(lambda: second.poll() is not None, SECONDS)

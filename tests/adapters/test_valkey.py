import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kombu import Connection
from redis import Redis

from orchestrator.adapters.valkey import EmbeddedBroker
from orchestrator.errors import AlreadyRunning, BrokerFailed
from orchestrator.settings import embedded_socket

START_AND_DIE = """
import os, signal, sys
from pathlib import Path
from orchestrator.adapters.valkey import EmbeddedBroker
EmbeddedBroker(Path(sys.argv[1])).__enter__()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@contextmanager
def client(data: Path) -> Iterator[Redis]:
    with Redis(unix_socket_path=str(embedded_socket(data)), decode_responses=True) as connected:
        yield connected


def process_id(data: Path) -> int:
    with client(data) as connected:
        return connected.info("server")["process_id"]


def leave_an_old_server(data: Path) -> int:
    """Start a broker, kill what started it, and return the server that lives on."""
    subprocess.run([sys.executable, "-c", START_AND_DIE, str(data)], check=False)
    return process_id(data)


def kill_while_running(data: Path, *items: str) -> None:
    """Keep the items safely in a broker, then kill it."""
    with EmbeddedBroker(data), client(data) as connected:
        connected.config_set("appendfsync", "always")
        connected.rpush("kept", *items)
        os.kill(process_id(data), signal.SIGKILL)


def kept(data: Path) -> list[str]:
    with EmbeddedBroker(data), client(data) as connected:
        return connected.lrange("kept", 0, -1)


def test_celery_reaches_it_by_its_url(data: Path) -> None:
    with EmbeddedBroker(data) as broker, Connection(broker.url) as connection:
        queue = connection.SimpleQueue("crews")
        queue.put({"execution_id": "1"})
        assert queue.get(timeout=5).payload == {"execution_id": "1"}
        queue.close()


def test_it_answers_from_when_it_is_entered_to_when_it_is_left(data: Path) -> None:
    broker = EmbeddedBroker(data)
    before = broker.answers()
    with broker:
        during = broker.answers()
    assert (before, during, broker.answers()) == (False, True, False)


def test_nobody_else_reaches_its_socket(data: Path) -> None:
    with EmbeddedBroker(data):
        socket = embedded_socket(data)
        modes = [path.stat().st_mode & 0o777 for path in (socket.parent, socket)]
    assert modes == [0o700, 0o700]


def test_it_does_not_listen_on_the_network(data: Path) -> None:
    with EmbeddedBroker(data), client(data) as connected:
        assert connected.config_get("port") == {"port": "0"}


def test_it_keeps_its_messages_over_a_restart(data: Path) -> None:
    with EmbeddedBroker(data), client(data) as connected:
        connected.rpush("kept", "a")
    assert kept(data) == ["a"]


def test_it_starts_again_after_it_was_killed(data: Path) -> None:
    kill_while_running(data, "a", "b")
    assert kept(data) == ["a", "b"]


@pytest.mark.parametrize("end", [b"*3\r\n$5\r\nRPU", b"\0" * 512, b"no command\r\n"])
def test_it_starts_again_after_a_write_that_was_cut_off(data: Path, end: bytes) -> None:
    kill_while_running(data, "a", "b")
    (log,) = (data / "broker" / "appendonlydir").glob("*.incr.aof")
    with log.open("ab") as file:
        file.write(end)
    assert kept(data) == ["a", "b"]


def test_an_old_server_is_replaced(data: Path) -> None:
    old = leave_an_old_server(data)
    with EmbeddedBroker(data):
        assert process_id(data) != old


def test_an_old_server_is_replaced_when_its_pid_file_is_lost(data: Path) -> None:
    old = leave_an_old_server(data)
    (data / "broker" / "valkey.pid").unlink()
    with EmbeddedBroker(data):
        assert process_id(data) != old


def test_an_old_server_is_replaced_when_its_socket_is_lost(data: Path) -> None:
    old = leave_an_old_server(data)
    embedded_socket(data).unlink()
    with EmbeddedBroker(data):
        assert process_id(data) != old


def test_a_process_with_the_number_of_an_old_server_is_left_alone(data: Path) -> None:
    with EmbeddedBroker(data):
        pass
    (data / "broker" / "valkey.pid").write_text(str(os.getpid()))
    with EmbeddedBroker(data) as broker:
        assert broker.answers()


def test_a_second_one_on_the_same_folder_is_refused(data: Path) -> None:
    with (
        EmbeddedBroker(data),
        pytest.raises(AlreadyRunning, match=f"in use by process {os.getpid()}"),
    ):
        EmbeddedBroker(data).__enter__()


def test_the_folder_is_free_again_afterwards(data: Path) -> None:
    with EmbeddedBroker(data):
        pass
    with EmbeddedBroker(data).reserved():
        pass


def test_a_long_path_gets_a_short_private_folder(tmp_path: Path) -> None:
    data = tmp_path / ("long" * 30)
    with EmbeddedBroker(data) as broker:
        folder = embedded_socket(data).parent
        assert broker.answers()
        assert len(bytes(folder)) < 50
        assert folder.stat().st_mode & 0o777 == 0o700
    folder.rmdir()


@pytest.fixture
def short(tmp_path: Path) -> Iterator[Path]:
    """Where the socket of ``tmp_path / "long…"`` goes, with nothing there yet."""
    yield (folder := embedded_socket(tmp_path / ("long" * 30)).parent)
    folder.unlink() if folder.is_symlink() else folder.rmdir()


def test_a_short_folder_that_others_may_enter_is_refused(tmp_path: Path, short: Path) -> None:
    short.mkdir()
    short.chmod(0o777)
    with pytest.raises(BrokerFailed, match="could be used by others"):
        EmbeddedBroker(tmp_path / ("long" * 30)).__enter__()


def test_a_short_folder_that_leads_elsewhere_is_refused(tmp_path: Path, short: Path) -> None:
    short.symlink_to(tmp_path)
    with pytest.raises(BrokerFailed, match="could be used by others"):
        EmbeddedBroker(tmp_path / ("long" * 30)).__enter__()


def test_a_server_that_does_not_start_says_where_its_reason_stands(data: Path) -> None:
    (data / "broker" / "valkey.log").mkdir(parents=True)
    (data / "broker").chmod(0o700)
    with pytest.raises(BrokerFailed, match=r"valkey\.log says why"):
        EmbeddedBroker(data).__enter__()

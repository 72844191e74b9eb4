from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from databases import lent_database
from faults_of_machines import fill
from loopback_proxy import LoopbackProxy
from pytest_httpserver import HTTPServer
from redis import Redis
from silent_proxy import SilentProxy
from sqlalchemy import text

from orchestrator.adapters.sql.engine import make_engine
from orchestrator.adapters.sql.migrate import downgrade
from orchestrator.adapters.valkey import EmbeddedBroker
from orchestrator.jobs import QUEUES
from orchestrator.settings import embedded_socket
from orchestrator.usecases.operations.sweep import sweep

if TYPE_CHECKING:
    from conftest import Command


@pytest.fixture(autouse=True)
def own_broker(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker of the data folder, whether it runs or not."""
    monkeypatch.delenv("ORCHESTRATOR_BROKER_URL")


def wrong(command: Command) -> dict[str, dict[str, str]]:
    """What the command finds wrong, by check."""
    found = command.json("doctor", status=1)
    return {finding["check"]: finding for finding in found if finding["mend"]}


def test_a_sound_service_gets_status_0(command: Command) -> None:
    command("token", "create")
    command.ports.store.transact(lambda tx: tx.workers.seen("w-1", QUEUES))
    sweep(command.ports)
    with EmbeddedBroker(command.settings.data):
        assert "wrong" not in command("doctor")


def test_a_broker_that_is_away(command: Command) -> None:
    assert "cannot be reached" in wrong(command)["broker"]["says"]


def test_a_broker_whose_memory_is_full(command: Command) -> None:
    with EmbeddedBroker(command.settings.data) as broker:
        redis = Redis(unix_socket_path=str(embedded_socket(command.settings.data)))
        redis.config_set("maxmemory", "1")
        assert broker.answers()
        assert "takes no messages" in wrong(command)["broker"]["says"]
        redis.config_set("maxmemory", "0")
        assert "broker" not in wrong(command)
        redis.close()


def test_a_broker_that_answers_later_than_publishers_wait(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = str(embedded_socket(command.settings.data))
    with EmbeddedBroker(command.settings.data), LoopbackProxy(broker) as proxy:
        monkeypatch.setenv("ORCHESTRATOR_BROKER_URL", f"redis://127.0.0.1:{proxy.port}/0")
        monkeypatch.setattr("orchestrator.cli.checks.BROKER_PATIENCE", 0.02)
        proxy.slow_down(0.02)
        assert "whoever publishes waits" in wrong(command)["broker"]["says"]
        proxy.heal()
        monkeypatch.setattr("orchestrator.cli.checks.BROKER_PATIENCE", 10.0)
        assert "broker" not in wrong(command)


def test_a_broker_that_answers_and_does_not_end_a_write(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.cli.checks.SECONDS_TO_ANSWER", 0.2)
    with EmbeddedBroker(command.settings.data):
        redis = Redis(unix_socket_path=str(embedded_socket(command.settings.data)))
        redis.client_pause(60_000, all=False)
        assert "takes no messages" in wrong(command)["broker"]["says"]
        redis.client_unpause()
        redis.close()


def test_a_broker_that_drops_messages_when_its_memory_is_full(command: Command) -> None:
    with EmbeddedBroker(command.settings.data):
        redis = Redis(unix_socket_path=str(embedded_socket(command.settings.data)))
        redis.config_set("maxmemory", "100mb")
        assert "broker" not in wrong(command)
        redis.config_set("maxmemory-policy", "allkeys-lru")
        assert "maxmemory-policy noeviction" in wrong(command)["broker"]["mend"]
        redis.close()


def test_a_disk_of_the_database_that_is_nearly_full(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", f"sqlite:///{folder}/orchestrator.db")
    monkeypatch.setattr("orchestrator.cli.checks.LEAST_FREE", 2**63)
    found = command.json("doctor", status=1)
    assert f"Make room on the disk of {folder}" in [each["mend"] for each in found]


def test_a_database_where_no_write_ahead_log_can_be_kept(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As on a network's file system: locks by files, and no memory that processes share."""
    place = f"file:{tmp_path}/elsewhere.db?vfs=unix-dotfile&uri=true"
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", f"sqlite:///{place}")
    command("migrate")
    assert "PostgreSQL" in wrong(command)["database"]["mend"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of two megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder))
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a file system cannot be mounted here: that takes root, and CAP_SYS_ADMIN")
    yield folder
    subprocess.run(("umount", "-l", str(folder)), check=True)


@pytest.mark.parametrize("is_default", [True, False])
def test_a_disk_that_is_full(
    command: Command,
    small_disk: Path,
    migrated: bytes,
    monkeypatch: pytest.MonkeyPatch,
    is_default: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Where the data folder is on it, and where the database alone is: no byte is left of it."""
    file = small_disk / "orchestrator.db"
    file.write_bytes(migrated)
    if is_default:
        monkeypatch.setenv("ORCHESTRATOR_DATA", str(small_disk))
    else:
        monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", f"sqlite:///{file}")
    filler = fill(small_disk)
    full = {(each["check"], each["mend"]) for each in command.json("doctor", status=1)}
    room = ("data" if is_default else "database", f"Make room on the disk of {small_disk}")
    unread = "Make room on its disk, see to it that it may be read, or correct "
    assert {room, ("database", f"{unread}ORCHESTRATOR_DATABASE_URL")} <= full
    filler.unlink()
    mended = {(each["check"], each["mend"]) for each in command.json("doctor", status=1)}
    assert ("database", None) in mended  # it is read and written again, while 2 MB are still few
    assert room in mended


def test_a_database_of_another_version(command: Command) -> None:
    downgrade(command.settings.resolved_database_url, "base")
    assert "orchestrator migrate" in wrong(command)["database"]["mend"]


def test_a_database_that_a_newer_version_upgraded_is_looked_into_all_the_same(
    command: Command,
) -> None:
    engine = make_engine(command.settings.resolved_database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    found = {each["check"]: each for each in command.json("doctor", status=1)}
    assert found["database"]["says"] == "is at revision 9999, of a newer version than this one"
    assert (found["database"]["mend"], "tokens" in found) == (None, True)


def test_a_database_whose_driver_is_missing(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", "postgresql://localhost:1/none")
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as where it is not installed
    assert "install crew-orchestrator[postgres]" in wrong(command)["database"]["says"]


def test_a_database_that_is_away(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", "postgresql://localhost:1/none")
    found = wrong(command)
    assert "cannot be read" in found["database"]["says"]
    assert "sqlalche.me" not in found["database"]["says"]
    assert "the broker is this machine's own" in found["settings"]["says"]


@pytest.fixture
def before_postgres(postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[SilentProxy]:
    """The service's database is behind it, and nobody waits for long."""
    with lent_database(postgres_server) as url, SilentProxy(url) as proxy:
        monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", proxy.url)
        for what, seconds in (("CONNECT", "2"), ("STATEMENT", "1"), ("LOCK", "1")):
            monkeypatch.setenv(f"ORCHESTRATOR_DATABASE_{what}_TIMEOUT", seconds)
        yield proxy


@pytest.mark.postgres
@pytest.mark.timeout(30)
def test_a_database_that_says_nothing(command: Command, before_postgres: SilentProxy) -> None:
    before_postgres.fall_silent()
    assert "cannot be read" in wrong(command)["database"]["says"]


@pytest.mark.postgres
@pytest.mark.timeout(30)
def test_a_database_where_somebody_holds_a_lock(
    command: Command, before_postgres: SilentProxy
) -> None:
    """As a migration does for as long as it runs."""
    with psycopg.connect(before_postgres.url.replace("+psycopg", "")) as other:
        other.execute("SELECT * FROM alembic_version FOR UPDATE")
        assert "cannot be written" in wrong(command)["database"]["says"]


def test_a_disk_that_is_nearly_full(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.cli.checks.LEAST_FREE", 2**63)
    assert "Make room" in wrong(command)["data"]["mend"]


@pytest.mark.parametrize(("folder", "why"), [("/dev/null", "is a file"), ("/sys", "written to")])
def test_a_data_folder_that_is_none(
    command: Command, monkeypatch: pytest.MonkeyPatch, folder: str, why: str
) -> None:
    """Nobody may write to /sys, not even a superuser."""
    monkeypatch.setenv("ORCHESTRATOR_DATA", folder)
    found = wrong(command)["data"]["says"]
    assert f"{folder} cannot be the data folder" in found
    assert why in found


def test_a_database_that_takes_no_writes(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    file = command.settings.data / "orchestrator.db"
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", f"sqlite:///file:{file}?mode=ro&uri=true")
    assert "cannot be written" in wrong(command)["database"]["says"]


def test_a_setting_that_cannot_be(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_PORT", "http")
    assert list(wrong(command)) == ["settings"]


@pytest.mark.parametrize(("status", "is_wrong"), [(200, False), (502, True)])
def test_the_public_url_is_knocked_at(
    command: Command,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    is_wrong: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    httpserver.expect_request("/livez").respond_with_data(status=status)
    monkeypatch.setenv("ORCHESTRATOR_PUBLIC_URL", httpserver.url_for(""))
    assert ("public URL" in wrong(command)) is is_wrong


def test_a_mailbox_is_knocked_at(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_MAIL_IMAP_HOST", "127.0.0.1")
    assert "_USER and _PASSWORD" in wrong(command)["mailbox"]["says"]
    for name, value in (("PORT", "1"), ("USER", "answers"), ("PASSWORD", "open sesame")):
        monkeypatch.setenv(f"ORCHESTRATOR_MAIL_IMAP_{name}", value)
    found = wrong(command)["mailbox"]
    assert found["says"].startswith("answers at 127.0.0.1, INBOX: ")
    assert "refused" in found["says"]
    assert "open sesame" not in str(found)


def test_each_finding_is_one_line_with_what_mends_it(command: Command) -> None:
    lines = command("doctor", status=1).splitlines()
    assert all(line.startswith(("ok", "wrong")) for line in lines)
    assert any("Start one: celery -A workers.app worker -Q crews" in line for line in lines)

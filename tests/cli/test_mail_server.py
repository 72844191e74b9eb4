"""The server of `orchestrator mail serve` is killed at the worst place, and no reply is lost."""

from __future__ import annotations

import os
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from processes import free_port, until_it_works
from replies import ANN, DOMAIN, TOKEN, reply

from orchestrator.adapters.sql import Cipher, make_store
from orchestrator.adapters.sql.migrate import upgrade
from orchestrator.domain.inbound_mail import StoredMail
from orchestrator.ports import MailFilter
from orchestrator.settings import load_or_make_secret_key

pytestmark = pytest.mark.processes

FILE = '[deployments.crew]\nfunctions = "no:where"\n'
TO = f"reply+{TOKEN}@{DOMAIN}"


@contextmanager
def serving(data: Path, **settings: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The command, as a process of its own; gives its port."""
    port = free_port()
    command = [sys.executable, "-m", "orchestrator", "mail", "serve", "--lmtp", f"127.0.0.1:{port}"]
    given = {
        "ORCHESTRATOR_DATA": str(data),
        "ORCHESTRATOR_DEPLOYMENTS": str(data / "deployments.toml"),
        "ORCHESTRATOR_MAIL_REPLY_DOMAIN": DOMAIN,
        "ORCHESTRATOR_MAIL_SENDER_CHECK": "off",
        **settings,
    }
    with subprocess.Popen(command, env={**os.environ, **given}) as server:
        until_it_works(server, lambda: takes_mail(port))
        yield port, server
        server.terminate()


def takes_mail(port: int) -> bool:
    try:
        with smtplib.LMTP("127.0.0.1", port):
            return True
    except OSError:
        return False


@pytest.fixture
def data(tmp_path: Path) -> Path:
    upgrade(f"sqlite:///{tmp_path}/orchestrator.db")
    (tmp_path / "deployments.toml").write_text(FILE, encoding="utf-8")
    return tmp_path


def stored(data: Path) -> tuple[StoredMail, ...]:
    cipher = Cipher(load_or_make_secret_key(data))
    url = f"sqlite:///{data}/orchestrator.db"
    store = make_store(url, publish=lambda _: None, cipher=cipher)
    try:
        return store.read(lambda tx: tx.mails.page(MailFilter(), None, 10))
    finally:
        store.dispose()


def test_a_reply_that_was_stored_and_not_acknowledged_is_kept_once(data: Path) -> None:
    raw = reply("Approve")
    with serving(data, ORCHESTRATOR_CRASH_POINT="after-commit") as (port, server):
        with smtplib.LMTP("127.0.0.1", port) as client, pytest.raises(smtplib.SMTPException):
            client.sendmail(ANN, [TO], raw)
        assert server.wait(10) == -9
    assert len(stored(data)) == 1
    with serving(data) as (port, _), smtplib.LMTP("127.0.0.1", port) as client:
        assert client.sendmail(ANN, [TO], raw) == {}
    assert len(stored(data)) == 1


def test_a_server_that_is_killed_before_the_commit_has_acknowledged_nothing(data: Path) -> None:
    with serving(data, ORCHESTRATOR_CRASH_POINT="before-commit") as (port, server):
        with smtplib.LMTP("127.0.0.1", port) as client, pytest.raises(smtplib.SMTPException):
            client.sendmail(ANN, [TO], reply("Approve"))
        assert server.wait(10) == -9
    assert stored(data) == ()

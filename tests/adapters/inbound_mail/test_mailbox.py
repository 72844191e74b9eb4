"""Replies from a mailbox: a real IMAP server on loopback, whose mails the tests put there."""

from __future__ import annotations

import imaplib
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from certificates import make_certificates
from processes import free_port, until_it_works

from orchestrator.adapters.inbound_mail.mailbox import Account, Mailbox
from orchestrator.adapters.sql import Cipher, make_store
from orchestrator.adapters.sql.migrate import upgrade
from orchestrator.domain.inbound_mail import LARGEST_MAIL
from orchestrator.errors import DatabaseAway, MailboxAway

pytestmark = pytest.mark.processes

PASSWORD = "demopass"
RAW = b"From: ann@example.com\r\nSubject: Re\r\n\r\nApprove\r\n"


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    port = free_port()
    command = [
        sys.executable,
        "-c",
        "from pymap.main import main; main()",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    command += ["--no-tls", "dict"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        made = Account("127.0.0.1", port, "demouser", PASSWORD, tls=False)
        until_it_works(server, lambda: can_log_in(made))
        yield made
        server.terminate()


def can_log_in(account: Account) -> bool:
    try:
        with imaplib.IMAP4(account.host, account.port) as client:
            client.login(account.user, account.password)
    except OSError:
        return False
    return True


@pytest.fixture
def client(account: Account) -> Iterator[imaplib.IMAP4]:
    """An emptied INBOX, and a folder for what is done."""
    with imaplib.IMAP4(account.host, account.port) as made:
        made.login(account.user, account.password)
        made.create("Done")
        for folder in ("Done", "INBOX"):
            made.select(folder)
            for number in made.search(None, "ALL")[1][0].split():
                made.store(number.decode(), "+FLAGS", "\\Deleted")
            made.expunge()
        yield made


def count(client: imaplib.IMAP4, folder: str, what: str = "ALL") -> int:
    client.select(folder)
    return len(client.search(None, what)[1][0].split())


def test_unseen_mails_are_kept_and_marked(account: Account, client: imaplib.IMAP4) -> None:
    for text in (b"one", b"two"):
        client.append("INBOX", "", "", RAW + text)
    kept: list[bytes] = []
    told: list[str | None] = []

    assert Mailbox(account, kept.append, told.append).fetch() == 2
    assert Mailbox(account, kept.append, told.append).fetch() == 0
    assert told == [None, None]

    assert kept == [RAW + b"one", RAW + b"two"]
    assert count(client, "INBOX", "SEEN") == 2


def test_kept_mails_are_moved_where_that_is_said(account: Account, client: imaplib.IMAP4) -> None:
    client.append("INBOX", "", "", RAW)
    kept: list[bytes] = []
    assert Mailbox(replace(account, done="Done"), kept.append).fetch() == 1
    assert (kept, count(client, "INBOX"), count(client, "Done")) == ([RAW], 0, 1)


def test_a_folder_that_is_gone_keeps_no_mail_from_being_read(
    account: Account, client: imaplib.IMAP4
) -> None:
    for text in (b"one", b"two"):
        client.append("INBOX", "", "", RAW + text)
    kept: list[bytes] = []
    assert Mailbox(replace(account, done="Gone"), kept.append).fetch() == 2
    assert kept == [RAW + b"one", RAW + b"two"]
    assert count(client, "INBOX", "SEEN") == 2


def test_what_is_not_stored_is_not_marked(account: Account, client: imaplib.IMAP4) -> None:
    client.append("INBOX", "", "", RAW)

    def fail(_raw: bytes) -> None:
        raise DatabaseAway

    with pytest.raises(DatabaseAway):
        Mailbox(replace(account, done="Done"), fail).fetch()
    assert count(client, "INBOX", "UNSEEN") == 1


def test_a_mail_that_is_too_large_is_left_where_it_is(
    account: Account, client: imaplib.IMAP4
) -> None:
    client.append("INBOX", "", "", RAW + b"x" * LARGEST_MAIL)
    kept: list[bytes] = []
    Mailbox(replace(account, done="Done"), kept.append).fetch()
    assert (kept, count(client, "INBOX", "SEEN")) == ([], 1)


def answering(monkeypatch: pytest.MonkeyPatch, what: str, answer: tuple[str, list[Any]]) -> None:
    """Has the server answer so where that is fetched."""
    ask = imaplib.IMAP4.uid

    def uid(client: imaplib.IMAP4, command: str, *arguments: str) -> tuple[str, list[Any]]:
        return answer if f"({what})" in arguments else ask(client, command, *arguments)

    monkeypatch.setattr(imaplib.IMAP4, "uid", uid)


def test_a_mail_that_the_server_does_not_give_just_now_is_not_marked(
    account: Account, client: imaplib.IMAP4, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.append("INBOX", "", "", RAW)
    kept: list[bytes] = []
    with monkeypatch.context() as ill:
        answering(ill, "BODY.PEEK[]", ("NO", [b"[UNAVAILABLE] try again"]))
        Mailbox(replace(account, done="Done"), kept.append).fetch()
    assert count(client, "INBOX", "UNSEEN") == 1
    Mailbox(replace(account, done="Done"), kept.append).fetch()
    assert kept == [RAW]


def test_a_mail_that_is_larger_than_its_server_says_keeps_none_of_the_others(
    account: Account, client: imaplib.IMAP4, monkeypatch: pytest.MonkeyPatch
) -> None:
    for raw in (RAW + b"x" * LARGEST_MAIL, RAW):
        client.append("INBOX", "", "", raw)
    answering(monkeypatch, "RFC822.SIZE", ("OK", [b"1 (UID 1 RFC822.SIZE 1000)"]))
    kept: list[bytes] = []
    Mailbox(account, kept.append).fetch()
    assert kept == [RAW]
    assert count(client, "INBOX", "SEEN") == 2


def test_a_mailbox_is_watched_until_told_to_stop(account: Account, client: imaplib.IMAP4) -> None:
    client.append("INBOX", "", "", RAW)
    stop, kept = threading.Event(), threading.Event()
    keep: Callable[[bytes], object] = lambda _raw: kept.set()  # noqa: E731
    watcher = threading.Thread(target=Mailbox(account, keep).watch, args=(stop,))
    watcher.start()
    assert kept.wait(20)
    stop.set()
    watcher.join(20)
    assert not watcher.is_alive()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"port": 1}, "refused"),
        ({"password": "wrong"}, "AUTHENTICATIONFAILED"),
        ({"folder": "None"}, "NONEXISTENT"),
    ],
)
def test_what_keeps_a_mailbox_from_being_read_is_told(
    account: Account, changed: dict[str, Any], says: str
) -> None:
    told: list[str | None] = []
    mailbox = Mailbox(replace(account, **changed), lambda _raw: None, told.append)
    assert says in str(mailbox.check())
    with pytest.raises(MailboxAway, match=says):
        mailbox.fetch()
    (said,) = told
    assert said
    assert says in said
    assert str(changed.get("password")) not in said


def test_a_mailbox_is_checked_without_touching_it(account: Account, client: imaplib.IMAP4) -> None:
    client.append("INBOX", "", "", RAW)
    kept: list[bytes] = []
    assert Mailbox(replace(account, done="Done"), kept.append).check() is None
    assert (kept, count(client, "INBOX", "UNSEEN")) == ([], 1)
    said = Mailbox(replace(account, done="Gone"), kept.append).check()
    assert said == "there is no folder 'Gone', where mails go that are kept"


def test_a_command_that_fetches_notes_whether_it_could(account: Account, tmp_path: Path) -> None:
    (tmp_path / "deployments.toml").write_text('[deployments.news]\nfunctions = "no:where"\n')
    url = f"sqlite:///{tmp_path}/orchestrator.db"
    upgrade(url)
    settings = {
        "DATA": str(tmp_path),
        "DEPLOYMENTS": str(tmp_path / "deployments.toml"),
        "MAIL_REPLY_DOMAIN": "answers.example",
        "MAIL_IMAP_HOST": account.host,
        "MAIL_IMAP_PORT": str(account.port),
        "MAIL_IMAP_USER": account.user,
        "MAIL_IMAP_TLS": "false",
    }
    environment = {f"ORCHESTRATOR_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "orchestrator", "mail", "fetch", "--once"]
    store = make_store(url, publish=lambda _: None, cipher=Cipher("key"))
    for password, status in ((PASSWORD, 0), ("wrong", 1)):
        given = {**os.environ, **environment, "ORCHESTRATOR_MAIL_IMAP_PASSWORD": password}
        ended = subprocess.run(command, env=given, check=False, capture_output=True, timeout=60)
        assert (ended.returncode == 0) is (status == 0), ended.stderr.decode()
        (found,) = store.read(lambda tx: tx.mails.mailboxes())
        assert found.name == "demouser at 127.0.0.1, INBOX"
        assert (found.read_at is not None, found.error is None) == (True, status == 0)
    store.dispose()


def test_a_server_that_is_away_ends_no_watch(account: Account) -> None:
    stop = threading.Event()
    away = Mailbox(replace(account, port=free_port()), lambda _raw: stop.set())
    watcher = threading.Thread(target=away.watch, args=(stop,))
    watcher.start()
    stop.set()
    watcher.join(20)
    assert not watcher.is_alive()


@contextmanager
def greeting_under_tls(certificate: Path) -> Iterator[tuple[int, list[bytes]]]:
    """A server of one connection, and what it hears after its greeting."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            accepted, _ = listening.accept()
            try:
                with context.wrap_socket(accepted, server_side=True) as client:
                    client.sendall(b"* OK ready\r\n")
                    heard.append(client.recv(100))
            except OSError:
                accepted.close()

        serving = threading.Thread(target=serve)
        serving.start()
        yield listening.getsockname()[1], heard
        serving.join(20)


def test_a_certificate_of_a_stranger_is_refused(account: Account, tmp_path: Path) -> None:
    _, certificate = make_certificates(tmp_path, "localhost")
    with greeting_under_tls(certificate) as (port, heard):
        stranger = replace(account, host="localhost", port=port, tls=True)
        with pytest.raises(MailboxAway, match="certificate"):
            Mailbox(stranger, lambda _raw: None).fetch()
    assert heard == []


def test_an_authority_of_ones_own_is_trusted(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, certificate = make_certificates(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with greeting_under_tls(certificate) as (port, heard):
        own = replace(account, host="localhost", port=port, tls=True)
        with pytest.raises(MailboxAway):  # it hangs up once it was spoken to
            Mailbox(own, lambda _raw: None).fetch()
    assert b"CAPABILITY" in heard[0]

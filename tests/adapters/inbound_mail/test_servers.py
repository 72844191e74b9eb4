"""Replies over SMTP and LMTP: a real server on loopback, and the standard library's clients."""

from __future__ import annotations

import asyncio
import logging
import smtplib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Queue
from typing import Any

import pytest

from orchestrator.adapters.inbound_mail.servers import Listening, listen
from orchestrator.domain.inbound_mail import LARGEST_MAIL
from orchestrator.errors import DatabaseAway, TooLarge

DOMAIN = "answers.crews.example"
TO = f"reply+abcdefghijklmnopqrstuvwxyz234567@{DOMAIN}"
RAW = b"From: ann@example.com\r\n\r\nApprove\r\n.leading dot\r\n"


class Kept:
    """What the server gave to be kept; it fails as a test says."""

    def __init__(self) -> None:
        self.mails: list[tuple[bytes, str, tuple[str, ...]]] = []
        self.failure: Exception | None = None

    def __call__(self, raw: bytes, sender: str, recipients: tuple[str, ...]) -> None:
        if self.failure is not None:
            raise self.failure
        self.mails.append((raw, sender, recipients))


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture(params=[True, False], ids=["lmtp", "smtp"])
def client(request: pytest.FixtureRequest, kept: Kept) -> Iterator[smtplib.SMTP]:
    with serving(Listening("127.0.0.1", 0, is_lmtp=request.param), kept) as port:
        kind: Any = smtplib.LMTP if request.param else smtplib.SMTP
        with kind("127.0.0.1", port) as made:
            yield made


@contextmanager
def serving(where: Listening, kept: Kept) -> Iterator[int]:
    """Serve in a thread; gives the port."""
    told: Queue[tuple[int, Callable[[], object]]] = Queue()

    async def serve() -> None:
        stop = asyncio.Event()
        async with await listen(where, DOMAIN, kept) as server:
            loop = asyncio.get_running_loop()
            port = server.sockets[0].getsockname()[1]
            told.put((port, lambda: loop.call_soon_threadsafe(stop.set)))
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    port, stop = told.get(timeout=10)
    yield port
    stop()
    thread.join()


def test_a_reply_is_kept_with_its_envelope(client: smtplib.SMTP, kept: Kept) -> None:
    client.sendmail("ann@example.com", [TO], RAW)
    assert kept.mails == [(RAW, "ann@example.com", (TO,))]


def test_no_token_is_logged(
    client: smtplib.SMTP, kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        client.sendmail("ann@example.com", [TO], RAW)
    assert TO[:20] not in caplog.text


def test_a_bounce_has_an_empty_sender(client: smtplib.SMTP, kept: Kept) -> None:
    client.sendmail("", [TO], RAW)
    assert kept.mails[0][1] == ""


@pytest.mark.parametrize(
    "address", ["ann@example.com", f"postmaster@{DOMAIN}", f"reply+a@{DOMAIN}"]
)
def test_nothing_else_is_taken(client: smtplib.SMTP, kept: Kept, address: str) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        client.sendmail("ann@example.com", [address], RAW)
    assert refused.value.recipients[address][0] == 550
    assert kept.mails == []


def test_of_several_recipients_one_is_taken_at_a_time(client: smtplib.SMTP, kept: Kept) -> None:
    other = TO.replace("abc", "abd")
    refused = client.sendmail("ann@example.com", [TO, other], RAW)
    assert refused[other][0] == 452
    assert [mail[2] for mail in kept.mails] == [(TO,)]


@pytest.mark.parametrize(
    ("failure", "code"),
    [(DatabaseAway(), 451), (ZeroDivisionError(), 451), (TooLarge(LARGEST_MAIL), 552)],
)
def test_what_is_not_stored_is_not_acknowledged(
    client: smtplib.SMTP, kept: Kept, failure: Exception, code: int
) -> None:
    kept.failure = failure
    with pytest.raises(smtplib.SMTPDataError) as refused:
        client.sendmail("ann@example.com", [TO], RAW)
    assert refused.value.smtp_code == code


def test_a_mail_that_is_too_large_is_refused(client: smtplib.SMTP, kept: Kept) -> None:
    line = b"x" * 900 + b"\r\n"
    raw = RAW + line * (LARGEST_MAIL // len(line) + 1)
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        client.sendmail("ann@example.com", [TO], raw)
    assert refused.value.smtp_code == 552
    assert kept.mails == []


def test_long_lines_and_eight_bit_headers_pass(client: smtplib.SMTP, kept: Kept) -> None:
    raw = b"Subject: \xff\xfe\r\nX-Long: " + b"y" * 50_000 + b"\r\n\r\nok\r\n"
    client.sendmail("ann@example.com", [TO], raw, mail_options=["BODY=8BITMIME"])
    assert kept.mails[0][0] == raw

"""Whatever comes in as a mail is kept with what became of it, and breaks nothing."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from replies import ANN, DOMAIN, TOKEN, ask, came, reply, takes_replies
from world import World

from orchestrator.domain.inbound_mail import MailState
from orchestrator.wire.inbound_mail import read_mail

TAKEN, REFUSED, UNREADABLE = MailState.TAKEN, MailState.REFUSED, MailState.UNREADABLE
MIXED = 'multipart/mixed; boundary="b"'
OK = b"Content-Type: text/plain\r\n\r\nok\r\n"


def nested(levels: int) -> bytes:
    inner = OK
    for n in range(levels):
        head = f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n'.encode()
        inner = head + inner + f"--b{n}--\r\n".encode()
    return inner


def whole(body: bytes) -> bytes:
    """A mail whose own headers say what the body is."""
    to = f"From: {ANN}\r\nTo: reply+{TOKEN}@{DOMAIN}\r\nMessage-ID: <1@x>\r\n"
    return to.encode() + body


PDF = b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"A" * 9000
NOTE = b"Content-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nreject\r\n"
NO_TEXT = base64.b64encode(b"\xff\xfe\x00")


HOSTILE: list[tuple[bytes, MailState | None]] = [
    (whole(nested(50)), TAKEN),
    (whole(nested(65)), UNREADABLE),
    (whole(nested(2000)), UNREADABLE),
    (reply("", Content_Type=MIXED, body=b"--b\r\n" + PDF + b"\r\n--b\r\n" + OK), TAKEN),
    (reply("", Content_Type=MIXED, body=b"--b\r\n" + NOTE + b"\r\n--b\r\n" + OK), TAKEN),
    (reply("", Content_Type=MIXED, body=b"no boundary at all"), REFUSED),
    (reply("", Content_Type="multipart/mixed", body=OK), REFUSED),
    (reply("ok", Content_Type="text/plain; charset=klingon"), TAKEN),
    (reply("ok", Content_Type="text/plain; charset=utf-16"), TAKEN),
    (reply("ok", Content_Type="text/plain; charset=idna"), TAKEN),
    (reply("ok", Content_Type="text/plain; charset=zlib"), TAKEN),
    (reply("ok", Content_Type='text/plain; charset="' + "x" * 100_000), TAKEN),
    (reply("ok", Content_Type="garbage"), TAKEN),
    (reply("ok", Content_Type="text/html", body=b"<div>" * 50_000 + b"ok"), TAKEN),
    (reply("", Content_Transfer_Encoding="base64", body=b"b2s=\r\n!!!"), TAKEN),
    (
        reply("", Content_Transfer_Encoding="base64", body=NO_TEXT),
        None,
    ),
    (reply("ok", Content_Transfer_Encoding="x-uuencode", body=b"begin 6 \xff\r\n"), None),
    (reply("ok", Subject="x" * 1_000_000), TAKEN),
    (reply("ok", Subject="=?utf-8?b?/////?= =?x?q?" + "=" * 50_000), TAKEN),
    (reply("ok", Cc=", ".join(f'"a{n}" <' * 3 for n in range(50_000))), None),
    (reply("ok", Message_ID="<" + "i" * 100_000 + ">"), TAKEN),
    (reply("ok", Message_ID=""), TAKEN),
    (b"Subject: \xff\xfe\x00\r\n" + reply("ok"), TAKEN),
    (b"X: y\r\n" * 100_000 + reply("ok"), None),
    (reply("ok\0 \ud800".encode("utf-8", "surrogatepass").decode("latin-1")), TAKEN),
    (reply("ok", From=f"{ANN}, {ANN}"), TAKEN),
    (reply("ok", From="\xff <ann@example.com"), None),
    (b"From: eve@example.com\r\n" + reply("ok"), REFUSED),
    (b"", REFUSED),
    (b"\0" * 1000, REFUSED),
    (b"\r\n" * 100_000, REFUSED),
]


@pytest.mark.parametrize(("raw", "state"), HOSTILE, ids=map(str, range(len(HOSTILE))))
def test_whatever_comes_in_is_settled(
    a_world: Callable[..., World], raw: bytes, state: MailState | None
) -> None:
    world = takes_replies(a_world("write?"))
    execution_id = world.halted()
    ask(world, execution_id)

    mail = came(world, raw)

    assert mail.state is (state or mail.state)
    assert mail.state is not MailState.WAITING
    review = world.ports.store.read(lambda tx: tx.reviews.of(execution_id))[0]
    assert review.is_open is (mail.state is not TAKEN)
    assert not str(mail.reason).startswith("It failed")


def test_a_codec_that_is_no_charset_is_not_used() -> None:
    raw = reply("a-bc", Content_Type="text/plain; charset=punycode")
    assert read_mail(raw).text == "a-bc"


@pytest.mark.parametrize(
    "cc",
    [
        "Ann Lee, Ben (Legal, Berlin) <ben@example.com>",
        "ann@example.com <ann@example.com>",
        "Ann <ann@example.com>; Ben <ben@example.com>",
        '"Ann <ann@example.com>',
        "Ann (Legal <ann@example.com>",
        "ann@example.com,",
    ],
)
def test_a_copy_that_no_parser_likes_keeps_no_reply_from_its_address(cc: str) -> None:
    address = f"reply+{TOKEN}@{DOMAIN}"
    raw = f"From: {ANN}\r\nCc: {cc}\r\nDelivered-To: {address}\r\n\r\nok\r\n"
    assert address in read_mail(raw.encode()).recipients


def test_an_address_that_is_its_own_name_is_an_address() -> None:
    address = f"reply+{TOKEN}@{DOMAIN}"
    raw = f"From: {ANN}\r\nTo: {address} <{address}>\r\n\r\nok\r\n"
    assert address in read_mail(raw.encode()).recipients

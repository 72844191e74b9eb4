"""Mails that Mailgun posts are stored once, if it signed them."""

from __future__ import annotations

import hmac
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from replies import ANN, DOMAIN, TOKEN, reply

from orchestrator.domain.inbound_mail import StoredMail
from orchestrator.ports import MailFilter, Replies
from orchestrator.wire.mailgun import read_form

if TYPE_CHECKING:
    from conftest import Service

KEY = "a signing key"
TO = f"reply+{TOKEN}@{DOMAIN}"


@pytest.fixture
def mailgun(service: Service) -> Service:
    service.client.app.state.ports = replace(service.ports, replies=Replies(mailgun_key=KEY))
    return service


def post(
    nonce: str = "t1", at: float | None = None, key: str = KEY, **fields: Any
) -> dict[str, Any]:
    timestamp = str(int(time.time() if at is None else at))
    signature = hmac.new(key.encode(), f"{timestamp}{nonce}".encode(), "sha256").hexdigest()
    mail = {"body-mime": reply("Approve").decode(), "sender": ANN, "recipient": TO}
    return {"timestamp": timestamp, "token": nonce, "signature": signature, **mail, **fields}


def stored(service: Service) -> list[StoredMail]:
    mails = service.ports.store.read(lambda tx: tx.mails.page(MailFilter(), None, 10))
    found = [service.ports.store.read(lambda tx, m=mail: tx.mails.get(m.id)) for mail in mails]
    return [mail for mail in found if mail]


@pytest.mark.parametrize("how", ["data", "files"])
def test_a_signed_post_is_stored_with_its_envelope(mailgun: Service, how: str) -> None:
    fields = post()
    form = {how: fields if how == "data" else {name: (None, fields[name]) for name in fields}}
    answer = mailgun.client.post("/v1/inbound/mailgun/mime", **form)
    assert answer.json() == {"status": "stored"}
    [mail] = stored(mailgun)
    head = f"Return-Path: <{ANN}>\r\nDelivered-To: {TO}\r\n".encode()
    assert mail.raw == head + fields["body-mime"].encode()


def test_a_post_of_fields_is_put_together(mailgun: Service) -> None:
    headers = [["From", ANN], ["Message-Id", "<1@x>"], ["Content-Type", "multipart/mixed"]]
    fields = post(**{"message-headers": json.dumps(headers), "body-plain": "Genehmigt ü"})
    del fields["body-mime"]
    assert mailgun.client.post("/v1/inbound/mailgun", data=fields).status_code == 200
    [mail] = stored(mailgun)
    assert mail.message_id == "<1@x>"
    assert b"text/plain; charset=utf-8" in (mail.raw or b"")
    assert (mail.raw or b"").endswith("\r\n\r\nGenehmigt ü".encode())


@pytest.mark.parametrize(
    "fields",
    [
        post(key="another key"),
        post(at=time.time() - 100_000),
        post(at=time.time() + 100_000),
        {**post(), "token": "t2"},
        {**post(), "signature": ""},
        {**post(), "timestamp": "now"},
        {},
    ],
)
def test_what_mailgun_did_not_sign_is_refused(mailgun: Service, fields: dict[str, Any]) -> None:
    assert mailgun.client.post("/v1/inbound/mailgun", data=fields).status_code == 401
    assert stored(mailgun) == []


def test_a_form_in_a_form_without_end_is_no_form(mailgun: Service) -> None:
    """Anybody may post it, and 8 MB of such had taken minutes, while nothing else ran."""
    nested = b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1)
        for n in range(2_000)
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b0"}
    answer = mailgun.client.post("/v1/inbound/mailgun", content=nested, headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize("boundary", ["b", '"b c"', "b; charset=utf-8"])
def test_a_form_is_read_by_its_boundary(boundary: str) -> None:
    line = b"--" + boundary.partition(";")[0].strip('"').encode()
    begin = b'\r\nContent-Disposition: form-data; name="%s"; filename=x\r\n\r\n'
    one, two = begin % b"one" + b"\r\n--\r\n", begin % b"two"
    body = b"\r\n".join((b"before", line + one, line + two, line + b"--", b"after"))
    form = read_form(f"multipart/form-data; boundary={boundary}", body)
    assert form == {"one": b"\r\n--\r\n", "two": b""}


def test_a_token_counts_once_whatever_mail_it_is_with(mailgun: Service) -> None:
    for text in ("Approve", "Reject"):
        fields = post(**{"body-mime": reply(text).decode()})
        assert mailgun.client.post("/v1/inbound/mailgun", data=fields).status_code == 200
    [mail] = stored(mailgun)
    assert b"Approve" in (mail.raw or b"")


def test_without_a_key_there_is_no_such_call(service: Service) -> None:
    assert service.client.post("/v1/inbound/mailgun", data=post()).status_code == 404


def test_operators_see_what_became_of_mails(mailgun: Service) -> None:
    mailgun.client.post("/v1/inbound/mailgun", data=post())
    [mail] = mailgun.get("/v1/mails").json()["mails"]
    assert mail["state"] == "WAITING"
    assert mailgun.get("/v1/mails?state=REFUSED").json() == {"mails": []}

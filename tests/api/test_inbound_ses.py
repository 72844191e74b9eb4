"""Mails that Amazon SES publishes are stored once, if Amazon signed the post."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from replies import ANN, DOMAIN, TOKEN, reply

from orchestrator.domain.delivery import SendResult
from orchestrator.ports import MailFilter, Replies
from orchestrator.wire.sns import is_amazons

if TYPE_CHECKING:
    from conftest import Service

TOPIC = "arn:aws:sns:eu-west-1:123456789012:answers"
AT_AMAZON = "https://sns.eu-west-1.amazonaws.com/"
TO = f"reply+{TOKEN}@{DOMAIN}"
SIGNED = (
    "Message",
    "MessageId",
    "Subject",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)

KEY = rsa.generate_private_key(65537, 2048)
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
NOW = datetime.now(UTC)
CERTIFICATE = (
    x509.CertificateBuilder()
    .subject_name(NAME)
    .issuer_name(NAME)
    .public_key(KEY.public_key())
    .serial_number(1)
    .not_valid_before(NOW)
    .not_valid_after(NOW + timedelta(days=1))
    .sign(KEY, hashes.SHA256())
    .public_bytes(serialization.Encoding.PEM)
    .decode()
)


class Amazon:
    """Stands where the way out is: what is fetched, and what is there."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.status = 200

    def get(self, url: str) -> SendResult:
        self.fetched.append(url)
        return SendResult(self.status, 0.1, response=CERTIFICATE)


@pytest.fixture
def amazon(service: Service) -> Amazon:
    made = Amazon()
    ports = replace(service.ports, replies=Replies(ses_topic=TOPIC, fetcher=made))
    service.client.app.state.ports = ports
    return made


def message(content: str, **action: str) -> str:
    receipt = {"recipients": [TO], "action": {"type": "SNS", **action}}
    mail = {"source": ANN}
    return json.dumps({"receipt": receipt, "mail": mail, "content": content})


def post(version: str = "1", **fields: str) -> dict[str, Any]:
    given = {
        "Type": "Notification",
        "MessageId": "m-1",
        "TopicArn": TOPIC,
        "Message": message(reply("Approve").decode()),
        "Timestamp": NOW.isoformat(),
        "SignatureVersion": version,
        "SigningCertURL": f"{AT_AMAZON}cert.pem",
        **fields,
    }
    text = "".join(f"{name}\n{given[name]}\n" for name in SIGNED if name in given)
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303 - as SNS does
    signature = KEY.sign(text.encode(), padding.PKCS1v15(), algorithm)
    return {**given, "Signature": base64.b64encode(signature).decode()}


@pytest.mark.parametrize(
    "fields",
    [
        post(),
        post("2"),
        post(Subject="Amazon SES Email Receipt Notification"),
        post(Message=message(base64.b64encode(reply("Approve")).decode(), encoding="BASE64")),
    ],
)
def test_a_published_mail_is_stored_once_with_its_envelope(
    service: Service, amazon: Amazon, fields: dict[str, Any]
) -> None:
    for _ in range(2):
        assert service.client.post("/v1/inbound/ses", json=fields).status_code == 200
    [listed] = service.ports.store.read(lambda tx: tx.mails.page(MailFilter(), None, 10))
    mail = service.ports.store.read(lambda tx: tx.mails.get(listed.id))
    assert mail
    assert mail.raw
    assert mail.raw.startswith(f"Return-Path: <{ANN}>\r\nDelivered-To: {TO}\r\nFrom: ".encode())
    assert mail.raw.endswith(b"\r\n\r\nApprove")


def test_a_subscription_is_confirmed(service: Service, amazon: Amazon) -> None:
    fields = post(Type="SubscriptionConfirmation", Token="t", SubscribeURL=f"{AT_AMAZON}?a=b")
    assert service.client.post("/v1/inbound/ses", json=fields).status_code == 200
    assert amazon.fetched == [f"{AT_AMAZON}cert.pem", f"{AT_AMAZON}?a=b"]


EVIL = "https://sns.eu-west-1.amazonaws.com.evil.example/cert.pem"


@pytest.mark.parametrize(
    ("fields", "status", "fetched"),
    [
        ({**post(), "Message": "{}"}, 401, 1),
        ({**post(), "Signature": "!"}, 401, 1),
        ({**post(), "SignatureVersion": "3"}, 401, 1),
        (post(SigningCertURL=EVIL), 401, 0),
        (post(TopicArn=f"{TOPIC}2"), 401, 0),
        (post(Type="UnsubscribeConfirmation"), 401, 0),
        (post(Type="SubscriptionConfirmation", Token="t", SubscribeURL=EVIL), 401, 0),
        ({}, 401, 0),
        (post(Message="no mail"), 422, 1),
        (post(Message='{"receipt": []}'), 422, 1),
    ],
)
def test_what_amazon_did_not_sign_is_refused(
    service: Service, amazon: Amazon, fields: dict[str, Any], status: int, fetched: int
) -> None:
    assert service.client.post("/v1/inbound/ses", json=fields).status_code == status
    assert len(amazon.fetched) == fetched
    assert service.ports.store.read(lambda tx: tx.mails.page(MailFilter(), None, 10)) == ()


def test_a_certificate_that_cannot_be_had_is_waited_for(service: Service, amazon: Amazon) -> None:
    amazon.status = 500
    assert service.client.post("/v1/inbound/ses", json=post()).status_code == 503


def test_without_a_topic_there_is_no_such_call(service: Service) -> None:
    assert service.client.post("/v1/inbound/ses", json=post()).status_code == 404


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com",
        "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
        "https://sns.eu-west-1.amazonaws.com:x/a.pem",
        "https://s3.eu-west-1.amazonaws.com/a.pem",
        "https://sns..amazonaws.com/a.pem",
        "file:///etc/passwd",
        "",
    ],
)
def test_only_sns_at_amazon_is_asked(url: str) -> None:
    assert not is_amazons(url)

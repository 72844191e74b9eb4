"""A reply comes from where it says, by a signature that holds or by a mail server of ours."""

from __future__ import annotations

import base64

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from name_server import name_server

from orchestrator.adapters.inbound_mail.sender_proof import MailProver, TxtRecords
from orchestrator.domain.mail_reply import SenderProof
from orchestrator.errors import Transient

PASSED, FAILED, NONE = SenderProof.PASSED, SenderProof.FAILED, SenderProof.NONE
MAIL = b"From: Ann <ann@mail.example.com>\r\nTo: x@y.example\r\nSubject: Re\r\n\r\nApprove\r\n"

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.NoEncryption(),
)
PUBLIC = base64.b64encode(
    KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
)


def resolver(_name: object, timeout: int = 5) -> bytes | None:
    return b"v=DKIM1; k=rsa; p=" + PUBLIC


def nothing(_name: object, timeout: int = 5) -> bytes | None:
    return None


def signed(domain: bytes, *, length: bool = False) -> bytes:
    return dkim.sign(MAIL, b"s1", domain, PEM, length=length) + MAIL


SIGNATURES = [
    (signed(b"mail.example.com"), PASSED),
    (signed(b"example.com"), PASSED),
    (signed(b"evil.example"), NONE),
    (signed(b"com"), NONE),
    (signed(b"other.mail.example.com"), NONE),
    (signed(b"example.com").replace(b"Approve", b"Reject!"), FAILED),
    (signed(b"example.com").replace(b"Ann", b"Eve"), FAILED),
    (signed(b"example.com", length=True), NONE),
    (signed(b"evil.example") + b"DKIM-Signature: v=1;;;===\r\n" + MAIL, NONE),
    (b"DKIM-Signature: d=example.com; \xff\xfe\r\n" + MAIL, NONE),
    (b"DKIM-Signature: \x00\r\n" * 5 + MAIL, NONE),
    (b"DKIM-Signature: v=1; d=evil.example\r\n" * 3 + signed(b"example.com"), NONE),
    (MAIL, NONE),
    (b"", NONE),
]


@pytest.mark.parametrize(("raw", "proof"), SIGNATURES, ids=map(str, range(len(SIGNATURES))))
def test_a_signature_of_the_senders_domain_proves(raw: bytes, proof: SenderProof) -> None:
    assert MailProver(None, resolver).prove(raw, "Mail.Example.com") is proof


def test_a_key_that_is_not_there_proves_nothing() -> None:
    assert MailProver(None, nothing).prove(signed(b"example.com"), "example.com") is FAILED


def test_a_dns_that_does_not_answer_is_waited_for() -> None:
    def silent(_name: object, timeout: int = 5) -> bytes | None:
        raise dkim.DnsTimeoutError

    with pytest.raises(Transient):
        MailProver(None, silent).prove(signed(b"example.com"), "example.com")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"example.com.", b"v=spf1 -all"),
        (b"s1._domainkey.nowhere.example.", None),
        (b"s1.." + b"x" * 70 + b".example.", None),
        (b"\xff.example.", None),
    ],
)
def test_a_record_is_there_or_not(name: bytes, text: bytes | None) -> None:
    with name_server() as resolver:
        assert TxtRecords(resolver)(name) in ((text, b"other") if text else (None,))


def test_a_name_server_that_fails_says_nothing_of_a_key() -> None:
    raw = dkim.sign(MAIL, b"s1", b"example.com", PEM) + MAIL
    with name_server() as resolver:
        records = TxtRecords(resolver)
        fails = lambda _name, timeout=5: records(b"broken.example.", timeout=timeout)  # noqa: E731
        with pytest.raises(Transient):
            MailProver(None, fails).prove(raw, "example.com")


OURS = "Authentication-Results: mx.crews.example;"


@pytest.mark.parametrize(
    ("header", "proof"),
    [
        (f"{OURS} dmarc=pass header.from=mail.example.com", PASSED),
        (f"{OURS} dkim=pass header.d=example.com; spf=fail", PASSED),
        (
            f"{OURS} dkim=pass header.d=evil.example; dmarc=fail header.from=mail.example.com",
            FAILED,
        ),
        (f"{OURS} spf=pass smtp.mailfrom=example.com", NONE),
        (f"{OURS} dkim=pass header.d=evil.example", NONE),
        (f"{OURS} none", NONE),
        ("Authentication-Results: mx.evil.example; dmarc=pass header.from=example.com", NONE),
        (f"{OURS} none\r\n{OURS} dmarc=pass header.from=mail.example.com", NONE),
        (f"Authentication-Results: ;;==\r\n{OURS} dmarc=pass header.from=example.com", PASSED),
    ],
)
def test_what_our_mail_server_found_counts(header: str, proof: SenderProof) -> None:
    raw = header.encode() + b"\r\n" + MAIL
    assert MailProver("MX.crews.example").prove(raw, "mail.example.com") is proof

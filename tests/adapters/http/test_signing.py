from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone

import pytest
from standardwebhooks import Webhook

from orchestrator.adapters.http.signing import (
    StandardSigner,
    check_secret,
    crewai_signature,
    standard_signature,
)
from orchestrator.errors import Invalid
from orchestrator.ports import Signer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD = "whsec_" + b64encode(b"o" * 32).decode()
OWN = "whsec_" + b64encode(b"d" * 64).decode()
BODY = b'{"test": 2432232314}'
AT = datetime(2021, 2, 25, 15, 2, 10, tzinfo=UTC)


def test_the_standards_own_example_comes_out() -> None:
    signature = standard_signature(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, BODY)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_crewais_form_comes_out() -> None:
    signature = crewai_signature("whsec_your_signing_secret_here", 1614265330, BODY)
    assert signature == "sha256=e9c02442d7bd67b8ac4f2c4cfcae8c4e5d779bbda0e48efcfb0d7a244a8f79cf"


def test_a_try_has_the_headers_of_both_forms() -> None:
    signer: Signer = StandardSigner([SECRET])
    headers = signer.headers((), "msg_1", AT, BODY)
    assert headers == {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1614265330",
        "webhook-signature": standard_signature(SECRET, "msg_1", 1614265330, BODY),
        "X-Timestamp": "1614265330",
        "X-Signature": crewai_signature(SECRET, 1614265330, BODY),
        "X-CrewAI-Timestamp": "1614265330",
        "X-CrewAI-Signature": crewai_signature(SECRET, 1614265330, BODY),
    }


def test_without_a_secret_nothing_is_signed() -> None:
    assert StandardSigner().headers((), "msg_1", AT, BODY) == {}


@pytest.mark.parametrize("secret", [SECRET, OLD, OWN])
def test_the_standards_library_verifies_each_live_secret(secret: str) -> None:
    signer = StandardSigner([SECRET, OLD])
    headers = signer.headers((OWN,), "msg_1", datetime.now(UTC), BODY)
    assert Webhook(secret).verify(BODY, headers) == {"test": 2432232314}


def test_the_standards_library_verifies_a_secret_that_is_plain_text() -> None:
    headers = StandardSigner(["just some text"]).headers((), "1", datetime.now(UTC), BODY)
    assert Webhook(b"just some text").verify(BODY, headers)


def test_a_body_that_is_no_ascii_is_verified_byte_by_byte() -> None:
    body = '{"a": "\u00e4\u20ac"}'.encode()
    headers = StandardSigner([SECRET]).headers((), "msg_1", datetime.now(UTC), body)
    assert Webhook(SECRET).verify(body, headers)


def test_the_time_is_the_same_in_every_zone() -> None:
    signer = StandardSigner([SECRET])
    elsewhere = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert signer.headers((), "1", AT, BODY) == signer.headers((), "1", elsewhere, BODY)


def test_crewais_form_is_signed_with_the_newest_secret() -> None:
    headers = StandardSigner([SECRET, OLD]).headers((), "msg_1", AT, BODY)
    assert headers["X-Signature"] == crewai_signature(SECRET, 1614265330, BODY)


def test_a_receivers_own_secret_signs_first() -> None:
    own = StandardSigner([SECRET]).headers((OWN,), "1", AT, BODY)["webhook-signature"]
    assert own.split() == [standard_signature(key, "1", 1614265330, BODY) for key in (OWN, SECRET)]


def test_a_secret_that_is_live_twice_signs_once() -> None:
    headers = StandardSigner([SECRET]).headers((SECRET,), "1", AT, BODY)
    assert headers["webhook-signature"] == standard_signature(SECRET, "1", 1614265330, BODY)


@pytest.mark.parametrize("size", [24, 25, 32, 64])
def test_a_secret_of_a_good_size_passes(size: int) -> None:
    check_secret("whsec_" + b64encode(b"k" * size).decode())
    check_secret("whsec_" + b64encode(b"k" * size).decode().rstrip("="))


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("", "empty"),
        ("whsec_", "24 to 64 bytes, not 0"),
        ("whsec_" + b64encode(b"k" * 23).decode(), "24 to 64 bytes, not 23"),
        ("whsec_" + b64encode(b"k" * 65).decode(), "24 to 64 bytes, not 65"),
        ("whsec_your_signing_secret_here", "base64"),
        ("whsec_" + "a" * 33, "base64"),
        ("whsec_\u00e4" + "a" * 32, "base64"),
    ],
)
def test_a_secret_that_cannot_sign_is_refused_with_the_reason(secret: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        StandardSigner([secret])

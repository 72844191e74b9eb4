from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime

import pytest

from orchestrator.domain.permission import Permission, Rights
from orchestrator.domain.token import Token, hash_of, mail_token

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
EVERY = Token("t-1", "desk", "h", None, NOW)
ONE = Token("t-2", "desk", "h", "news", NOW, permission=Permission.VIEW, person="ann@x.example")


@pytest.mark.parametrize(
    ("token", "rights"),
    [
        (EVERY, Rights(everywhere=Permission.MANAGE)),
        (ONE, Rights(by_deployment={"news": Permission.VIEW}, person="ann@x.example")),
        (
            Token("t-3", "ann", "h", None, NOW, person="ann@x.example"),
            Rights(everywhere=Permission.MANAGE, person="ann@x.example"),
        ),
    ],
)
def test_a_token_gives_its_permission_in_its_deployment_or_in_all(
    token: Token, rights: Rights
) -> None:
    assert token.rights == rights


def test_the_timeline_names_the_person_or_else_the_token() -> None:
    assert (ONE.actor, EVERY.actor) == ("person:ann@x.example", "token:desk")


def test_a_token_is_stored_by_its_hash_whatever_was_sent() -> None:
    assert hash_of("secret") == hashlib.sha256(b"secret").hexdigest()
    assert hash_of("s\udc80") == hashlib.sha256(rb"s\udc80").hexdigest()


def test_a_token_in_a_mail_address_is_made_of_small_letters_and_digits() -> None:
    token = mail_token("secret")
    assert re.fullmatch("[a-z2-7]{32}", token)
    assert token == mail_token("secret") != mail_token("another")

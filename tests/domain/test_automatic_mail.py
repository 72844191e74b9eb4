"""What no person wrote is told from what a person did, whatever server sent it."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.domain.mail_reply import (
    Ignored,
    InboundMail,
    Refused,
    Reply,
    read_reply,
    token_in,
    why_automatic,
)

SENDER, DOMAIN = "crews@crews.example", "answers.crews.example"
TOKEN = "abcdefghijklmnopqrstuvwxyz234567"


def mail(**given: Any) -> InboundMail:
    to = (f"reply+{TOKEN}@{DOMAIN}",)
    return InboundMail(**{"senders": ("ann@example.com",), "recipients": to, "text": "ok", **given})


@pytest.mark.parametrize(
    "given",
    [
        {"return_path": "", "content_type": "multipart/report"},  # Postfix, Exim
        {"return_path": "", "subject": "Undelivered Mail Returned to Sender"},
        {"senders": ("MAILER-DAEMON@mx.example.com",)},
        {"senders": ("postmaster@example.com",), "subject": "Undeliverable: Review"},  # Exchange
        {"subject": "Delivery Status Notification (Failure)"},  # Gmail
        {"headers": {"x-failed-recipients": "a@example.com"}},  # Exim
        {"subject": "Unzustellbar: Review: write"},
        {"headers": {"auto-submitted": "auto-replied"}},  # Sieve, RFC 3834
        {"headers": {"auto-submitted": "auto-generated; owner=ann@example.com"}},
        {"headers": {"auto-submitted": "Auto-Notified"}},
        {"headers": {"precedence": "bulk"}},
        {"headers": {"precedence": "junk"}},
        {"headers": {"precedence": "auto_reply"}},  # Gmail's vacation
        {"headers": {"precedence": "list", "list-id": "<all.example.com>"}},
        {"headers": {"list-id": "Everybody <all.example.com>"}},
        {"headers": {"x-autoreply": "yes"}},
        {"headers": {"x-autorespond": ""}},
        {"headers": {"x-auto-response-suppress": "All"}},  # Exchange's own automatic replies
        {"headers": {"x-auto-response-suppress": "DR, OOF, AutoReply"}},
        {"subject": "Automatic reply: Review: write"},  # Exchange
        {"subject": "Automatische Antwort: Review: write"},
        {"subject": "Réponse automatique : Review: write"},
        {"subject": "Respuesta automática: Review: write"},
        {"subject": "Risposta automatica: Review: write"},
        {"subject": "Resposta automática: Review: write"},
        {"subject": "Automatisch antwoord: Review: write"},
        {"subject": "Odpowiedź automatyczna: Review: write"},
        {"subject": "自動返信: Review: write"},
        {"subject": "自动回复: Review: write"},
        {"subject": "Out of Office: Ann"},
        {"subject": "Abwesenheitsnotiz: Review"},
        {"subject": "Auto: Re: Review: write"},  # Lotus
        {"senders": (SENDER.upper(),)},
        {"senders": (f"reply+{TOKEN}@{DOMAIN}",)},
        {"return_path": f"bounce@{DOMAIN}"},
    ],
)
def test_what_a_server_sent_by_itself_is_ignored(given: dict[str, Any]) -> None:
    assert isinstance(read_reply(mail(**given), SENDER, DOMAIN), Ignored)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"headers": {"auto-submitted": "no"}},
        {"headers": {"precedence": "normal"}},
        {"headers": {"x-auto-response-suppress": "DR, RN, NRN"}},  # asks for no receipts
        {"return_path": "ann@example.com"},
        {"subject": "AW: Review: write"},
        {"subject": "Re: Automatic reply to customers"},
    ],
)
def test_what_a_person_wrote_is_not(given: dict[str, Any]) -> None:
    assert why_automatic(mail(**given), SENDER, DOMAIN) is None
    assert read_reply(mail(**given), SENDER, DOMAIN) == Reply(TOKEN, "ann@example.com", "ok")


OTHER = TOKEN[::-1]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"recipients": ("crews@crews.example",)}, "None of its recipients"),
        ({"recipients": (f"reply+{TOKEN}@elsewhere.example",)}, "None of its recipients"),
        ({"recipients": (f"reply+{TOKEN[:-1]}@{DOMAIN}",)}, "None of its recipients"),
        ({"recipients": (f"reply+{TOKEN[:-1]}1@{DOMAIN}",)}, "None of its recipients"),
        (
            {"recipients": (f"reply+{TOKEN}@{DOMAIN}", f"reply+{OTHER}@{DOMAIN}")},
            "several reviews at once",
        ),
        ({"senders": ()}, "not one address"),
        ({"senders": ("ann@example.com", "eve@example.com")}, "not one address"),
        ({"senders": ("no address",)}, "not one address"),
    ],
)
def test_what_answers_no_review_is_refused(given: dict[str, Any], reason: str) -> None:
    read = read_reply(mail(**given), SENDER, DOMAIN)
    assert isinstance(read, Refused)
    assert reason in read.reason


def test_without_a_domain_no_reply_is_taken() -> None:
    assert isinstance(read_reply(mail(recipients=(f"reply+{TOKEN}@",)), None, None), Refused)


def test_a_token_is_read_in_any_case() -> None:
    assert token_in(f"<REPLY+{TOKEN.upper()}@{DOMAIN.upper()}>", DOMAIN) == TOKEN

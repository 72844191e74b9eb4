"""What no person wrote is told from what a person did, whatever server sent it."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.domain.inbound_mail import WhyRefused
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


BOUNCE = "It has an empty return path: a bounce, or another notice of a server."
REPORT = "It is a report of a server (multipart/report)."
SERVER = "It comes from a mail server."
OURS = "It comes from our own address."
REPLIED = "It comes from the domain that replies go to."


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            {"headers": {"auto-submitted": "Auto-Replied; owner=ann"}},
            "It was submitted automatically (Auto-Submitted: auto-replied).",
        ),
        (
            {"headers": {"auto-submitted": "x" * 50}},
            f"It was submitted automatically (Auto-Submitted: {'x' * 40}).",
        ),
        ({"headers": {"precedence": "Bulk"}}, "It was sent in bulk (Precedence)."),
        ({"headers": {"x-loop": ""}}, "It is from a list or an automatic sender (x-loop)."),
        (
            {"headers": {"x-auto-response-suppress": "DR,oof"}},
            "It wants no answer (X-Auto-Response-Suppress).",
        ),
        ({"subject": " OUT of office"}, "Its subject is that of an automatic answer."),
        ({"return_path": " <>"}, BOUNCE),
        ({"return_path": "<\t>"}, BOUNCE),
        ({"content_type": "Multipart/Report"}, REPORT),
        ({"content_type": "message/delivery-status"}, REPORT),
        ({"senders": ("Postmaster@mx.example",)}, SERVER),
        ({"return_path": "MAILER-DAEMON"}, SERVER),
        ({"return_path": "MDaemon@mx.example"}, SERVER),
        ({"senders": (SENDER.title(),)}, OURS),
        ({"return_path": SENDER.upper()}, OURS),
        ({"senders": ("ann@example.com", f"anybody@{DOMAIN.upper()}")}, REPLIED),
        ({"return_path": f"bounce@{DOMAIN}"}, REPLIED),
    ],
)
def test_one_mark_is_enough_and_is_named(given: dict[str, Any], reason: str) -> None:
    assert why_automatic(mail(**given), SENDER.title(), DOMAIN.title()) == reason
    assert read_reply(mail(**given), SENDER, DOMAIN) == Ignored(reason)


def test_where_nothing_of_ours_is_known_nobody_is_taken_for_us() -> None:
    for writer in (SENDER, f"ann@{DOMAIN}"):
        assert why_automatic(mail(senders=(writer,)), None, None) is None


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"headers": {"auto-submitted": "no"}},
        {"headers": {"auto-submitted": " "}},
        {"headers": {"auto-submitted": "No; owner=ann or bob"}},
        {"headers": {"precedence": ""}},
        {"headers": {"x-auto-response-suppress": ""}},
        {"content_type": "multipart/alternative"},
        {"return_path": "ann@postmaster.example"},
        {"return_path": "X"},
        {"return_path": f"ann@not-{DOMAIN}"},
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


NO_ADDRESS = Refused(
    WhyRefused.NO_REPLY_ADDRESS, "None of its recipients is an address that replies go to."
)
SEVERAL = Refused(
    WhyRefused.SEVERAL_REVIEWS, "It answers several reviews at once: each wants a reply of its own."
)
NO_SENDER = Refused(WhyRefused.NO_SENDER, "Its From is not one address.")


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"recipients": ("crews@crews.example",)}, NO_ADDRESS),
        ({"recipients": (f"reply+{TOKEN}@elsewhere.example",)}, NO_ADDRESS),
        ({"recipients": (f"reply+{TOKEN[:-1]}@{DOMAIN}",)}, NO_ADDRESS),
        ({"recipients": (f"reply+{TOKEN[:-1]}1@{DOMAIN}",)}, NO_ADDRESS),
        ({"recipients": (f"reply+{TOKEN}@{DOMAIN}", f"reply+{OTHER}@{DOMAIN}")}, SEVERAL),
        ({"senders": ()}, NO_SENDER),
        ({"senders": ("ann@example.com", "eve@example.com")}, NO_SENDER),
        ({"senders": ("no address",)}, NO_SENDER),
    ],
)
def test_what_answers_no_review_is_refused(given: dict[str, Any], refused: Refused) -> None:
    assert read_reply(mail(**given), SENDER, DOMAIN) == refused


def test_a_reply_to_two_addresses_of_one_review_is_one() -> None:
    both = (f"reply+{TOKEN}@{DOMAIN}", "crews@crews.example", f"Reply+{TOKEN}@{DOMAIN}")
    assert isinstance(read_reply(mail(recipients=both), SENDER, DOMAIN), Reply)


def test_without_a_domain_no_reply_is_taken() -> None:
    assert isinstance(read_reply(mail(recipients=(f"reply+{TOKEN}@",)), None, None), Refused)


def test_a_token_is_read_in_any_case() -> None:
    assert token_in(f"Xreply+{TOKEN}@{DOMAIN}", DOMAIN) is None
    assert token_in(f"<REPLY+{TOKEN.upper()}@{DOMAIN.upper()}>", DOMAIN) == TOKEN

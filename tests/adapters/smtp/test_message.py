"""What a mail looks like, and what no text of a model or stranger can do to it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from mails import NOTICE, TOKEN, letterhead, notice_body

from orchestrator.adapters.smtp.message import Letterhead, MailHeading, notice_message
from orchestrator.adapters.smtp.notice import read_notice
from orchestrator.domain.mail_text import DELIMITER
from orchestrator.errors import Invalid

PAGE = f"https://crews.example/r/{TOKEN}"
HEADERS = {
    *("From", "To", "Date", "Message-ID", "Auto-Submitted", "In-Reply-To", "References"),
    *("Reply-To", "Subject", "MIME-Version", "Content-Type"),
}


def written(
    to: str = "ann@example.com", head: Letterhead | None = None, **changes: Any
) -> EmailMessage:
    """The mail as it arrives: written, sent as bytes, and read again."""
    heading = MailHeading(to, "delivery-1", datetime(2026, 11, 22, 12, tzinfo=UTC))
    mail = notice_message(head or letterhead(), read_notice(notice_body(**changes)), heading)
    arrived = message_from_bytes(mail.as_bytes(), policy=default)
    assert isinstance(arrived, EmailMessage)
    return arrived


def text(mail: EmailMessage, kind: str = "plain") -> str:
    body = mail.get_body((kind,))
    assert body is not None
    content: str = body.get_content()
    return content.replace("\r\n", "\n")


def html(mail: EmailMessage) -> str:
    return text(mail, "html")


def test_a_mail_says_who_asks_what_and_why() -> None:
    mail = written()
    assert {name: str(mail[name]) for name in ("From", "To", "Subject", "Date", "Reply-To")} == {
        "From": "Crews <crews@example.com>",
        "To": "ann@example.com",
        "Subject": "write of news waits for you",
        "Date": "Sun, 22 Nov 2026 12:00:00 +0000",
        "Reply-To": f"reply+{TOKEN}@replies.example",
    }
    assert (mail["Message-ID"], mail["Auto-Submitted"]) == (
        "<delivery-1@example.com>",
        "auto-generated",
    )
    assert set(mail.keys()) == HEADERS
    assert "You are asked because: group legal." in text(mail)
    assert "<h1>Owls</h1>" in html(mail)
    assert "<em>quiet</em>" in html(mail)


def test_mails_about_one_task_are_one_thread_whatever_the_round() -> None:
    first, second, other = written(), written(round=2), written(task_name="edit")
    assert first["References"] == first["In-Reply-To"] == second["References"]
    assert other["References"] != first["References"]


@pytest.mark.parametrize(
    ("changes", "links"),
    [
        ({}, {PAGE, f"{PAGE}?choice=approve", f"{PAGE}?choice=reject"}),
        (
            {"kind": "choice", "options": ["send", "mach's neu & gut"]},
            {PAGE, f"{PAGE}?choice=send", f"{PAGE}?choice=mach%27s%20neu%20%26%20gut"},
        ),
        ({"kind": "words"}, {PAGE}),
        ({"notice": "closed", "token": None}, set()),
    ],
)
def test_each_answer_has_a_link_to_the_page(changes: dict[str, Any], links: set[str]) -> None:
    mail = written(**changes)
    assert set(re.findall(r"https://crews\S+", text(mail))) == links
    assert set(re.findall(r'href="([^"]+)"', html(mail).replace("&amp;", "&"))) <= links


def test_it_begins_with_the_line_that_replies_are_read_down_to() -> None:
    mail = written()
    assert text(mail).startswith(DELIMITER)
    assert DELIMITER in html(mail)
    assert "Or reply to this mail" in text(mail)


def test_without_a_reply_domain_nobody_is_told_to_reply() -> None:
    mail = written(head=letterhead(reply_domain=None))
    assert mail["Reply-To"] is None
    assert "reply to this mail" not in text(mail) + html(mail)
    assert DELIMITER not in text(mail) + html(mail)


def test_a_mail_to_which_a_reply_would_come_too_late_offers_none() -> None:
    mail = written(notice="reminder", takes_replies=False)
    assert mail["Reply-To"] is None
    assert "reply to this mail" not in text(mail) + html(mail)
    assert PAGE in text(mail)


@pytest.mark.parametrize(
    ("takes_replies", "still"),
    [(True, "can still be answered"), (False, "answer by the link in the mail that asked")],
)
def test_whose_reply_was_not_taken_is_told_how_to_answer(
    *, takes_replies: bool, still: str
) -> None:
    mail = written(notice="refused", token=None, takes_replies=takes_replies)
    assert still in text(mail)
    assert still in html(mail)


def test_without_a_public_url_there_are_no_links() -> None:
    mail = written(head=letterhead(public_url=None))
    assert "http" not in text(mail)
    assert "href" not in html(mail)


def test_it_says_what_follows_from_silence_and_what_was_said_before() -> None:
    due = {
        "escalate_at": "2026-11-23T09:00:00+00:00",
        "answer_at": "2026-11-24T10:00:00+01:00",
        "automatic": "approve",
        "expires_at": "2026-11-25T09:00:00+00:00",
    }
    earlier = [{"round": 1, "by": "bob@example.com", "feedback": "Shorter."}]
    mail = written(round=2, decisions=2, due=due, earlier=earlier)
    for shown in (text(mail), html(mail)):
        assert "others are asked as well on Monday, 23 November 2026, 09:00 UTC" in shown
        assert "by Tuesday, 24 November 2026, 09:00 UTC, this is the answer: approve" in shown
        assert "by Wednesday, 25 November 2026, 09:00 UTC, the execution fails" in shown
        assert "2 people have to agree" in shown
        assert "Shorter." in shown
    assert mail["Subject"] == "write of news waits for you, round 2"


@pytest.mark.parametrize(
    ("notice", "begins"),
    [
        ("reminder", "Reminder: write"),
        ("escalation", "Escalated to you: write"),
        ("delegated", "Handed to you: write"),
        ("closed", "No longer needed: write"),
    ],
)
def test_the_subject_says_why_a_mail_comes(notice: str, begins: str) -> None:
    assert str(written(notice=notice)["Subject"]).startswith(begins)


HOSTILE = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)><a href='javascript:x'>x</a>",
    "markdown": "[x](javascript:alert(1)) ![y](https://tracker.example/p.png) [z](data:a,x)",
    "another header": "hello\r\nBcc: eve@example.com\r\n\r\n<p>body</p>",
    "controls": "a\x00b\x07c\x1b[31md\x7f\x85",
    "turned round": "invoice\u202efdp.exe\u2066x\u2069",
    "from right to left": "שלום עולם",
    "pictures": "👩‍👩‍👧‍👦 🇩🇪 " * 40,
    "half a character": "a\ud800b",
    "another mail": "a\r\n.\r\nMAIL FROM:<eve@example.com>\n.\nx\r.\r",
    "a template": "{{ mail }}{% for x in y %}",
    "much": "x" * 1_000_000,
    "many lines": "x\n" * 500_000,
    "nested": "> " * 30_000 + "[" * 30_000,
    "the line of replies": DELIMITER,
}


@pytest.mark.parametrize("words", HOSTILE.values(), ids=HOSTILE)
def test_whatever_is_said_it_stays_text(words: str) -> None:
    said = dict.fromkeys(("message", "output", "reason", "task_name", "deployment"), words)
    earlier = [{"round": 1, "by": words, "feedback": words}]
    mail = written(**said, options=[words, "ok"], kind="choice", earlier=earlier)
    assert set(mail.keys()) == HEADERS
    assert len(str(mail["Subject"])) <= 150
    tags = re.sub(rf'"{PAGE}[^"]*"', "", " ".join(re.findall(r"<[^>]*>", html(mail).lower())))
    assert not re.search(r"<script|<img|onerror|javascript:|data:|tracker", tags)
    sent = mail.as_bytes()
    assert len(sent) < 300_000
    shown = text(mail) + html(mail) + str(mail["Subject"])
    assert not re.search(
        r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown
    )


def test_no_line_of_a_mail_ends_otherwise_than_lines_do() -> None:
    heading = MailHeading("ann@example.com", "d", datetime.now(UTC))
    notice = read_notice(notice_body(output=HOSTILE["another mail"]))
    lines = notice_message(letterhead(), notice, heading).as_bytes().split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert max(map(len, lines)) <= 998


@pytest.mark.parametrize("words", [HOSTILE["from right to left"], "👩‍👩‍👧‍👦 🇩🇪"])
def test_what_people_write_arrives_as_it_was_written(words: str) -> None:
    mail = written(message=words, task_name=words)
    assert words in text(mail)
    assert words in html(mail)
    assert words in str(mail["Subject"])


def test_a_long_output_is_cut_and_the_page_has_all_of_it() -> None:
    mail = written(output="owl " * 10_000)
    assert f"All of it: {PAGE}" in text(mail)
    assert len(text(mail)) < 12_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b"[]",
        b'{"event":"task_completed"}',
        notice_body(v=2),
        notice_body(token="../../evil"),
        notice_body(token=TOKEN + "\n"),
        notice_body(round="one"),
        notice_body(due={"expires_at": "soon"}),
        notice_body(earlier=["x"]),
        notice_body(output=5),
    ],
)
def test_of_what_is_no_notice_no_mail_is_made(body: bytes) -> None:
    with pytest.raises(Invalid):
        read_notice(body)


@pytest.mark.parametrize(
    ("address", "header"),
    [
        ("ann@example.com", "ann@example.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann+x.y@example.com", "ann+x.y@example.com"),
    ],
)
def test_the_domain_of_an_address_is_written_as_dns_has_it(address: str, header: str) -> None:
    assert written(address)["To"] == header


def test_a_deployment_may_have_templates_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "notice.html").write_text("<h1>Acme</h1>{{ mail.message }}")
    mail = written(head=letterhead(templates=tmp_path), message="<b>&")
    assert html(mail).strip() == "<h1>Acme</h1>&lt;b&gt;&amp;"
    assert str(mail["Subject"]) == "write of news waits for you"


def test_the_example_is_what_the_contract_names() -> None:
    assert NOTICE.keys() >= {"v", "notice", "to", "recipient_id", "token", "review_id", "due"}

"""What a person wrote in a reply is found, and nothing of what we wrote ourselves."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.mail_reply import LONGEST_TEXT, Decision, decision_of, spoken
from orchestrator.domain.mail_reply.html_text import MOST_HTML, text_of
from orchestrator.domain.mail_text import DELIMITER
from orchestrator.domain.question import Question, QuestionKind
from orchestrator.wire.inbound_mail import read_mail

REPLIES = sorted((Path(__file__).parent / "replies").glob("*.eml"))


@pytest.mark.parametrize("path", REPLIES, ids=lambda path: path.stem)
@pytest.mark.parametrize("delimiter", [DELIMITER, "A line that says nothing"])
def test_the_reply_of_a_client_is_what_the_person_wrote(path: Path, delimiter: str) -> None:
    text = read_mail(path.read_bytes()).text.replace(DELIMITER, delimiter)
    assert spoken(text) == path.with_suffix(".txt").read_text(encoding="utf-8").strip()


@pytest.mark.parametrize(
    "pattern",
    [
        "On 24 Nov 2026\n",
        "On at 10:12 ",
        "> quoted\nline\n",
        "From: x\n",
        "Sent: x\nTo: y\n",
        "\n",
        "-- \n> a\n",
        "a:\n\n",
        "a@1:\n> b\n",
        "x",
        "Sent from my iPhone\n",
        "_" * 29 + "\n",
    ],
)
def test_the_work_grows_with_the_text_and_not_faster(pattern: str) -> None:
    small, large = (work(spoken, repeated(pattern, size)) for size in (2_000, 8_000))
    assert large <= 5 * small + 200


def test_what_is_beyond_the_cap_is_not_looked_at() -> None:
    whole, cut = (work(spoken, repeated("Sent: x\n", size)) for size in (10**6, LONGEST_TEXT))
    assert whole == cut


@pytest.mark.parametrize(
    "pattern",
    ["<div>", "<blockquote>", "<!--", "<a ", "<", "x", "<p class=gmail_quote>", "&amp;", "</p>a"],
)
def test_the_work_for_html_does_so_too(pattern: str) -> None:
    small, large = (work(text_of, repeated(pattern, size)) for size in (4_000, 16_000))
    assert large <= 5 * small + 200


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a <b>bold</b>\n word &amp; more", "a bold word & more"),
        ("a&nbsp;&nbsp; b", "a b"),
        ("1 < 2 and <3", "1 < 2 and <3"),
        ("a<br>b<BR/>c<br />d", "a\nb\nc\nd"),
        ("a<br><br>b", "a\n\nb"),
        ("<div>a</div><div>b<div>c</div></div>d", "a\nb\nc\nd"),
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("a</p>b", "a\n\nb"),
        ("<table><tr><td>a<td>b<tr><th>c<th>d</table>", "a b\nc d"),
        ("a<!-- x -->b<!-- y -->c<!---->d", "abcd"),
        (
            "<h1>a</h1>b<table><tr><td>c</td><th>d</th></tr><tr><td>e</table>f",
            "a\n\nb\nc d\ne\n\nf",
        ),
        ("a<ul><li>b</li><li>c</li></ul>d", "a\n- b\n- c\n\nd"),
        ("<p class=MsoNormal>a<p class='x MsoNormal'>b</p><p>c</p>d", "a\nb\nc\n\nd"),
        ("<p class=x_MsoNormal>a</p><p class=MsoNormal>&nbsp;</p><p class=MsoNormal>b", "a\n\nb"),
        ("<p class=MsoNormal>a</p><table class=MsoNormal>b</table>c", "a\nb\n\nc"),
        ("", ""),
        (" \n <div> </div> ", ""),
    ],
)
def test_html_is_read_as_it_would_be_seen(html: str, text: str) -> None:
    assert text_of(html) == text


@pytest.mark.parametrize(
    "quoted",
    [
        "<!-- <b>said</b> --><!doctype html><?xml said?>",
        "<style>said</style><script>said</script><title>said</title><head>said</head>",
        "<blockquote>said<BLOCKQUOTE>said</blockquote>said</blockquote>",
        "<div class=gmail_signature>said<div>said</div>said</div>",
        '<div dir=ltr ID="Signature"><p>said</p></div>',
        "<div class='x moz-signature y'>said</div>",
        "<span class=x_gmail_attr>said</span>",
        "<div class=X_gmail_signature>said</div>",
        "<img class=gmail_signature><br class=signature>",
    ],
)
def test_what_a_client_quotes_or_adds_is_left_out(quoted: str) -> None:
    assert text_of(f"before {quoted} after").split() == ["before", "after"]


@pytest.mark.parametrize(
    "begins",
    [
        "<!-- said",
        "<a href=",
        "<div id=appendonsend></div>",
        "<div class=a id=appendonsend></div>",
        "<hr id='x_divRplyFwdMsg'>",
        "<hr tabindex=-1 class='a stopSpelling'>",
        "<blockquote>said",
        "<blockquote>said</blockquote><div class=gmail_quote>",
        '<div class="gmail_quote gmail_quote_container">',
        f"<div {'x' * 1900} id=appendonsend>",
    ],
)
def test_what_goes_on_to_the_end_is_left_out(begins: str) -> None:
    assert text_of(f"before {begins} said") == "before"


@pytest.mark.parametrize(
    "begins",
    [
        "</div id=appendonsend>",
        "<div class=gmail_quote><blockquote>said</blockquote></div>",
        "<div data-class=appendonsend>",
        f"<div {'x' * 2000} id=appendonsend>",
        "</blockquote>",
        "</>",
        "</ >",
        "<//>",
    ],
)
def test_what_only_looks_so_ends_nothing(begins: str) -> None:
    assert text_of(f"before {begins} after").split() == ["before", "after"]


PIECES = ["<", "</", ">", "!--", "-->", "p", " ", "blockquote", "class=", '"', "&lt;", "\n"]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_no_html_is_too_odd_to_be_read(html: str) -> None:
    text_of(html)


@given(st.lists(st.sampled_from(["> ", "On ", "wrote:", "From: x", "-- ", "\n", "a@b.c", "ok"])))
def test_what_was_said_is_part_of_what_came(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert set(spoken(text).split()) <= set(text.split())


def test_html_beyond_the_cap_is_not_looked_at() -> None:
    assert text_of(f"<p>{' ' * (MOST_HTML - 4)}ab") == "a"


def repeated(pattern: str, size: int) -> str:
    return pattern * (size // len(pattern))


def work(read: Callable[[str], str], text: str) -> int:
    """How many functions are called and lines run."""
    steps = 0

    def count(_frame: object, _event: str, _argument: object) -> Any:
        nonlocal steps
        steps += 1
        return count

    gc.disable()  # Hypothesis has steps of its own run at each collection
    sys.settrace(count)
    try:
        read(text)
    finally:
        sys.settrace(None)
        gc.enable()
    return steps


JUDGE, WORDS, INPUT = (
    Question(kind, "write", "write")
    for kind in (QuestionKind.JUDGE, QuestionKind.WORDS, QuestionKind.INPUT)
)
CHOICE = Question(QuestionKind.CHOICE, "m", "m", options=("ship it", "rework"), default="rework")
CONSENT = Question(QuestionKind.APPROVAL, "m", "m", options=("approve", "reject"))
EFFECT = Question(QuestionKind.EFFECT, "m", "m", options=("done", "run-again", "give-up"))


@pytest.mark.parametrize(
    ("text", "question", "decision"),
    [
        ("Approve", JUDGE, Decision("", approved=True)),
        ("  LGTM!\n\nThanks", JUDGE, Decision("Thanks", approved=True)),
        ("Reject.", JUDGE, Decision("", approved=False)),
        ("reject\nToo long", JUDGE, Decision("Too long", approved=False)),
        ("I approve", JUDGE, Decision("I approve", approved=False)),
        ("Not ok\nok", JUDGE, Decision("Not ok\nok", approved=False)),
        ("Hello,\nok", JUDGE, Decision("Hello,\nok", approved=False)),
        ("Ship it!\nToday.", CHOICE, Decision("Today.", outcome="ship it")),
        ("Ship it today", CHOICE, Decision("Ship it today")),
        ("ok", CHOICE, Decision("ok")),
        ("Done\nThe id is 7", EFFECT, Decision("The id is 7", outcome="done")),
        ("I did it", EFFECT, Decision("I did it")),
        ("approve", CONSENT, Decision("", outcome="approve")),
        ("Yes, pay it", CONSENT, Decision("Yes, pay it")),
        ("approve\nmore", WORDS, Decision("approve\nmore")),
        ("Berlin", INPUT, Decision("Berlin")),
    ],
)
def test_the_first_line_decides_if_it_is_an_option(
    text: str, question: Question, decision: Decision
) -> None:
    assert decision_of(text, question) == decision

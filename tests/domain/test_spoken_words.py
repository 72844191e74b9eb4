"""Where a client's quote begins, and what only looks like one: the rules, one at a time."""

from __future__ import annotations

import pytest

from orchestrator.domain.mail_reply import spoken
from orchestrator.domain.mail_text import DELIMITER

LONG = "x" * 65
WROTE = "Am 24.11.2026 um 10:12 schrieb Crews <crews@crews.example>:"


@pytest.mark.parametrize(
    ("came", "said"),
    [
        ("a  \r\nb\rc\n", "a\nb\nc"),
        ("  a\n  b", "a\n  b"),
        ("a\n\n\n \nb\n\n", "a\n\nb"),
        ("a\u00a0\u200bb\ufeff", "a b"),
        ("> quoted\na", "a"),
        ("a\n > quoted\nb", "a\n\nb"),
    ],
)
def test_what_was_said_has_lines_and_paragraphs_and_no_more(came: str, said: str) -> None:
    assert spoken(came) == said


@pytest.mark.parametrize(
    ("came", "said"),
    [
        (f">{LONG}\nwrapped\n> on\nb", "b"),
        (f">{LONG}\nwrapped\n> on", ""),
        (f">{LONG}\niPad\n> on", ""),
        (f">{LONG[1:]}\nshorter\n> on\nb", "shorter\n\nb"),
        (f">{LONG}\nWell\n> on\nb", "Well\n\nb"),
        (f">{LONG}\nwrapped\nb", "wrapped\nb"),
        (f"{LONG}>\nwrapped\n> on", f"{LONG}>\nwrapped"),
    ],
)
def test_a_line_that_a_client_broke_in_two_is_quoted_whole(came: str, said: str) -> None:
    assert spoken(came) == said


@pytest.mark.parametrize(
    "begins",
    [
        DELIMITER,
        f"**  {DELIMITER.upper().replace(' ', '  ')} *",
        f"we wrote: {DELIMITER}",
        "_" * 30,
        f"* {'_' * 32} *",
        "Begin forwarded message:",
        "-- Original Message --",
        "-----Original Message-----",
        "*-----Ursprüngliche Nachricht-----*",
        "——— Original message ———:",
    ],
)
def test_a_client_begins_its_quote_with_such_a_line(begins: str) -> None:
    assert spoken(f"a\n{begins}\nquoted") == "a"


@pytest.mark.parametrize(
    "line",
    [
        f"{'_' * 29}x",
        f"{'_' * 40} b",
        f"X{'_' * 30}",
        "- Original Message",
        "original message",
        "-- more --",
        "x" * 40,
    ],
)
def test_such_a_line_is_a_persons_own(line: str) -> None:
    assert spoken(f"a\n{line}\nb") == f"a\n{line}\nb"


@pytest.mark.parametrize(
    "introduced",
    [
        WROTE,
        "Am 24.11.2026 um 10:12 schrieb\nCrews\n<crews@crews.example>:",
        "On Tue at 10:12 Crews wrote:",
        "On Tuesday crews@crews.example wrote:",
        "2026-11-24 10:12 GMT+01:00 Crews <crews@crews.example>:",
        "2026/11/24 Crews <crews@crews.example>\uff1a",
    ],
)
def test_whoever_wrote_what_is_quoted_is_not_said(introduced: str) -> None:
    assert spoken(f"a\n{introduced}\n> quoted\nb") == "a\n\nb"
    assert spoken(f"a\n{introduced}\nnot marked\nb") == "a"


@pytest.mark.parametrize(
    "line",
    [
        "On Tuesday I wrote:",  # no time, no address
        "On 24 at 10:12 we met:",
        "My address is ann@example.com:",
        "2026 was fine:",
        "202 of ann@example.com:",
        "On we go\nb\nc\nd\ne",
    ],
)
def test_what_only_looks_like_an_introduction_is_said(line: str) -> None:
    assert spoken(f"a\n{line}\nb") == f"a\n{line}\nb"


def test_an_introduction_has_no_empty_line() -> None:
    came = "a\nOn Tue, at 10:12\n\nCrews <crews@crews.example> wrote:\n> quoted"
    assert spoken(came) == "a\nOn Tue, at 10:12"


@pytest.mark.parametrize("empty", [0, 1, 3])
def test_a_quote_with_marks_may_begin_a_few_lines_further(empty: int) -> None:
    lines = "\n" * empty
    assert spoken(f"a\n{WROTE}\n{lines}> quoted\nb") == "a\n\nb"


def test_a_quote_whose_end_cannot_be_seen_goes_on_to_the_end() -> None:
    further = "\n" * 4
    assert spoken(f"a\n{WROTE}\n{further}> quoted\nb") == "a"
    assert spoken(f"a\n{WROTE}") == "a"


def test_a_quote_may_begin_in_the_line_that_introduces_it() -> None:
    line = "On Tue, Nov 24, 2026 at 10:12, Crews <crews@crews.example> wrote: > quoted"
    assert spoken(f"a\n{line}\n> more\nb") == "a\n\nb"
    for own in (
        "I wrote: a > b, at 10:12",
        "ann@example.com > bob at 10:12",
        "a > b, ann@example.com wrote: > c at 10:12",
    ):
        assert spoken(f"{own}\nb") == f"{own}\nb"


@pytest.mark.parametrize(
    "block",
    [
        "From: Crews\nSent: Tuesday\nTo: Ann",
        "*From:* Crews\n*Sent:* Tuesday\n*To:* Ann",
        "From\uff1aCrews\nSent\uff1aTuesday\n\nTo\uff1aAnn",
        "Von: Crews\nGesendet: Dienstag\nAn: Ann\nBetreff: write",
    ],
)
def test_the_headers_of_what_is_quoted_begin_a_quote(block: str) -> None:
    assert spoken(f"a\n{block}\nquoted") == "a"


@pytest.mark.parametrize(
    "block",
    [
        "From: Crews\nSent: Tuesday",
        "To: Ann\nSent: Tuesday\nSubject: x",
        "From\nSent\nTo",
        "XFrom: Crews\nSent: Tuesday\nTo: Ann",
    ],
)
def test_some_headers_are_none(block: str) -> None:
    assert spoken(f"a\n{block}\nb") == f"a\n{block}\nb"


def test_headers_that_are_far_apart_are_none() -> None:
    far = "\n" * 9
    came = f"From: Crews{far}Sent: Tuesday{far}To: Ann"
    assert spoken(came) == "From: Crews\n\nSent: Tuesday\n\nTo: Ann"


@pytest.mark.parametrize(
    ("above", "said"),
    [
        ("crews@crews.example kirjoitti 24.11.:", "a"),
        ("24.11. klo 10:12\ncrews@crews.example kirjoitti:", "a"),
        ("24.11.\nCrews\ncrews@crews.example\nkirjoitti:", "a"),
        ("24.11.\nb\nCrews\ncrews@crews.example\nkirjoitti:", None),
        ("crews kirjoitti 24.11.:", None),
        ("crews@crews.example kirjoitti:", None),
        ("crews@crews.example kirjoitti 24.11.", None),
        ("24.11.\n\ncrews@crews.example kirjoitti:", None),
    ],
)
def test_an_introduction_in_another_language_is_told_by_its_address_and_date(
    above: str, said: str | None
) -> None:
    assert spoken(f"a\n\n{above}\n\n> quoted") == (said or f"a\n\n{above}")
    assert spoken(f"a\n\n{above}") == f"a\n\n{above}"


@pytest.mark.parametrize(
    "added",
    [
        "Sent from my iPhone",
        "*Sent from my iPad*",
        "_Sent from my Android phone_",
        f"Sent from [Outlook for iOS]<https://aka.ms/{'x' * 120}>",
        "Sent from [Mail] for Windows",
        "--",
        "\u2014\u2014",
        "__",
        "===\n***",
        "Von meinem iPhone gesendet",
        f"Sent from my iPhone {'x' * 100}",
    ],
)
def test_what_a_telephone_adds_at_the_end_is_not_said(added: str) -> None:
    assert spoken(f"a\n\n{added}\n\n") == "a"
    assert spoken(f"a\n{added}\n> quoted") == "a"


@pytest.mark.parametrize(
    "line",
    [
        "-",
        "Sent from my heart",
        "My iPhone is broken",
        f"Sent from my iPhone {'x' * 101}",
        "Sent from my iPhone\nb",
    ],
)
def test_what_only_looks_so_is_said(line: str) -> None:
    assert spoken(f"a\n{line}") == f"a\n{line}"


def test_only_the_line_that_has_both_is_taken_for_an_introduction() -> None:
    assert spoken("a\ncrews@crews.example kirjoitti 24.11.:\n> quoted") == "a"


def test_a_signature_goes_on_until_the_next_quote() -> None:
    assert spoken("a\n-- \nAnn\ncrews@crews.example 24:\n> quoted\nb") == "a\n\nb"
    assert spoken("a\n --\nAnn") == "a"

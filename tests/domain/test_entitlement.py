from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from orchestrator.domain.deadlines import deadlines
from orchestrator.domain.entitlement import may_delegate, refusal, refusal_in
from orchestrator.domain.question import QuestionKind
from orchestrator.domain.recipient import Recipient, RecipientState
from orchestrator.domain.review import Review, ReviewState
from orchestrator.domain.review_policy import Automatic, Calendar, Duration
from orchestrator.domain.review_terms import ResolvedRung, Terms
from orchestrator.domain.votes import VoteResult, tally

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ASKED, VOTED, DELEGATED, RELIEVED = RecipientState
ANY, TWO, EYES = Terms(), Terms(decisions=2), Terms(four_eyes=True, excluded=("cy@x",))


def row(name: str, state: RecipientState = ASKED, **more: object) -> Recipient:
    made = Recipient(name, "r", "e", "d", f"{name}@x", state, 1, 0, "rule *", NOW)
    return Recipient(
        **{**{key: getattr(made, key) for key in Recipient.__dataclass_fields__}, **more}
    )


ROWS = (
    row("ann"),
    row("ben", VOTED),
    row("dan", DELEGATED, delegated_to="ann@x"),
    row("eve", RELIEVED),
)


@pytest.mark.parametrize(
    ("terms", "who", "claimed_by", "said"),
    [
        (ANY, "ann@x", None, None),
        (ANY, "ANN@x ", None, None),
        (ANY, None, None, None),
        (TWO, "ann@x", None, None),
        (TWO, None, None, "This review has to know who decides: say who you are, by your address"),
        (EYES, None, None, "This review has to know who decides: say who you are, by your address"),
        (EYES, "ann@x", None, None),
        (EYES, "CY@x", None, "cy@x may not decide this review: it wants four eyes, and cy@x"),
        (ANY, "zoe@x", None, "zoe@x is not asked in this review"),
        (ANY, "zoe", None, "zoe is not asked in this review"),
        (ANY, "ben@x", None, "ben@x has decided already; others still have to"),
        (ANY, "dan@x", None, "dan@x handed this review on to ann@x"),
        (ANY, "eve@x", None, "eve@x is not asked in this review any more: it was given to others"),
        (ANY, "ann@x", "ann@x", None),
        (ANY, "ann@x", "zoe@x", "zoe@x has claimed this review until 2026-11-26T12:01+00:00"),
        (ANY, None, "zoe@x", "zoe@x has claimed this review until 2026-11-26T12:01+00:00"),
    ],
)
def test_who_may_decide(
    terms: Terms, who: str | None, claimed_by: str | None, said: str | None
) -> None:
    until = NOW + timedelta(minutes=1)
    found = refusal(terms, ROWS, claimed_by, until, who, NOW)
    assert found is said is None or (found or "").startswith(said or "?")


def test_a_claim_ends() -> None:
    assert refusal(ANY, ROWS, "zoe@x", NOW, "ann@x", NOW) is None


def test_a_claim_without_an_end_holds() -> None:
    said = refusal(ANY, ROWS, "zoe@x", None, "ann@x", NOW)
    assert said == "zoe@x has claimed this review"


@pytest.mark.parametrize(("terms", "may"), [(ANY, True), (TWO, False), (EYES, False)])
def test_where_nobody_is_asked_anybody_decides_unless_it_counts_who(
    terms: Terms, *, may: bool
) -> None:
    assert (refusal(terms, (), None, None, "zoe@x", NOW) is None) is may


def test_who_is_asked_again_may_decide() -> None:
    assert refusal(ANY, (row("ann", RELIEVED), row("ann")), None, None, "ann@x", NOW) is None


@pytest.mark.parametrize(
    ("who", "to", "said"),
    [
        ("ann@x", "zoe@x", None),
        ("ann@x", "eve@x", None),  # who was relieved, and may come back
        ("ann@x", "ann@x", "ann@x has the review already"),
        ("ann@x", "nobody", "'nobody' is no mail address"),
        ("ann@x", "Cy@x", "cy@x may not decide this review: it wants four eyes, and cy@x kicked "),
        ("ann@x", "ben@x", "ben@x has decided already"),
        ("ann@x", "dan@x", "dan@x handed this review on: it would go in a circle"),
        ("ben@x", "zoe@x", "ben@x has decided already; others still have to"),
        ("zoe@x", "ann@x", "zoe@x is not asked in this review"),
    ],
)
def test_who_may_hand_a_review_to_whom(who: str, to: str, said: str | None) -> None:
    found = may_delegate(EYES, ROWS, who, to)
    assert found is said is None or (found or "").startswith(said or "?")


def test_a_review_does_not_go_to_somebody_who_has_it() -> None:
    assert may_delegate(ANY, (row("ann"), row("zoe")), "ann@x", "zoe@x") == "zoe@x is asked already"


def vote(name: str, said: object, words: str = "", minute: int = 0) -> Recipient:
    key = "approved" if said in (True, False, None) else "outcome"
    at = NOW + timedelta(minutes=minute)
    return row(name, VOTED, **{key: said, "words": words, "decided_at": at})


JUDGE, CHOICE = QuestionKind.JUDGE, QuestionKind.CHOICE
YES_A, YES_B, NO_C = vote("a", True), vote("b", True), vote("c", False)
UNDECIDED = {"undecided": True}


@pytest.mark.parametrize(
    ("kind", "decisions", "rows", "verdict"),
    [
        (JUDGE, 1, [row("a"), row("b")], None),
        (JUDGE, 1, [YES_A, row("b")], {"approved": True}),
        (JUDGE, 2, [YES_A, row("b")], None),
        (JUDGE, 2, [YES_A, YES_B, row("c")], {"approved": True}),
        (JUDGE, 2, [row("b"), NO_C], {"approved": False}),
        (JUDGE, 2, [YES_A, NO_C], {"approved": False}),
        (JUDGE, 2, [YES_A], {**UNDECIDED}),
        (JUDGE, 2, [YES_A, row("b", DELEGATED), row("c")], None),
        (JUDGE, 2, [YES_A, row("b", RELIEVED)], {**UNDECIDED}),
        (JUDGE, 1, [row("b", RELIEVED)], None),
        (CHOICE, 1, [vote("a", "go")], {"outcome": "go"}),
        (CHOICE, 2, [vote("a", "go"), vote("b", "no"), row("c")], None),
        (
            CHOICE,
            2,
            [vote("a", "go"), vote("b", "no"), vote("c", "go")],
            {"outcome": "go"},
        ),
        (
            CHOICE,
            2,
            [vote("a", "go"), vote("b", "no")],
            {**UNDECIDED},
        ),
        (QuestionKind.WORDS, 2, [vote("a", None), row("b")], {}),
        (QuestionKind.INPUT, 2, [vote("a", None), row("b")], {}),
        (
            QuestionKind.EFFECT,
            2,
            [vote("a", "done"), row("b")],
            {"outcome": "done"},
        ),
        (QuestionKind.APPROVAL, 2, [YES_A, row("b")], None),
        (QuestionKind.APPROVAL, 2, [YES_A, YES_B], {"approved": True}),
        (QuestionKind.APPROVAL, 2, [YES_A, NO_C], {"approved": False}),
    ],
)
def test_votes_come_to_a_verdict(
    kind: QuestionKind, decisions: int, rows: list[Recipient], verdict: dict[str, object] | None
) -> None:
    expected = None if verdict is None else VoteResult(**verdict)
    assert tally(Terms(decisions=decisions), rows, kind) == expected


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([vote("a", True, " fine "), vote("b", True)], "fine"),
        ([vote("a", True), vote("b", True)], ""),
        ([vote("b", True, "two", 2), vote("a", True, "one", 1)], "a@x: one\n\nb@x: two"),
    ],
)
def test_the_words_of_votes_are_put_together(rows: list[Recipient], words: str) -> None:
    found = tally(TWO, rows, JUDGE)
    assert found is not None
    assert found.words == words


def test_of_words_the_first_vote_counts_alone() -> None:
    rows = [vote("b", None, "two", 2), vote("a", None, "one", 1)]
    assert tally(TWO, rows, QuestionKind.WORDS) == VoteResult(words="one")


def duration(hours: int, *, working: bool = False) -> Duration:
    return Duration(timedelta(hours=hours), working=working)


def test_deadlines_count_from_the_opening_and_reminders_from_each_other() -> None:
    nights = Calendar("nights", "UTC", dict.fromkeys(range(7), ()))
    terms = Terms(
        calendar=nights,
        remind_after=duration(1),
        ladder=(ResolvedRung(duration(2), ()), ResolvedRung(duration(3), ())),
        automatic=Automatic(duration(5), approved=True),
        sla=duration(6),
    )
    hour = timedelta(hours=1)

    opened = (NOW + hour, NOW + 2 * hour, NOW + 5 * hour, NOW + 6 * hour)
    assert deadlines(terms, NOW, 0) == opened
    assert deadlines(terms, NOW, 1, NOW + hour)[:2] == (NOW + 2 * hour, NOW + 3 * hour)
    assert deadlines(terms, NOW, 2).escalate_at is None
    assert deadlines(Terms(), NOW, 0) == (None, None, None, None)
    assert deadlines(terms, NOW) == opened


def test_working_time_is_that_of_the_terms() -> None:
    late = Calendar("late", "UTC", dict.fromkeys(range(7), ((time(18), time(22)),)))
    found = deadlines(Terms(calendar=late, sla=duration(1, working=True)), NOW)
    assert found.sla_at == NOW.replace(hour=19)


REVIEW = Review(
    *("r-1", "k-1", "newsroom", "t-1", "write", "write", 1, ReviewState.PENDING, 1, "o-1"),
    "sha256:1",
    NOW,
    terms=TWO,
    claimed_by="ann@x",
    claim_until=NOW + timedelta(minutes=1),
)


@pytest.mark.parametrize(
    ("changes", "who", "said"),
    [
        ({"terms": None}, "zoe@x", None),
        ({}, "zoe@x", "zoe@x is not asked in this review"),
        ({}, None, "This review has to know who decides: say who you are, by your address"),
        ({}, "ann@x", None),
        ({"claimed_by": "zoe@x"}, "ann@x", "zoe@x has claimed this review until 2026-11-26T12:01"),
        ({"claimed_by": "zoe@x", "claim_until": NOW}, "ann@x", None),
    ],
)
def test_who_may_decide_a_review_as_it_stands(
    changes: dict[str, Any], who: str | None, said: str | None
) -> None:
    found = refusal_in(replace(REVIEW, **changes), ROWS, who, NOW)
    assert found == said or (said and found and found.startswith(said))


def test_four_eyes_say_why_somebody_is_excluded() -> None:
    assert refusal(EYES, ROWS, None, None, "cy@x", NOW) == (
        "cy@x may not decide this review: it wants four eyes, and cy@x kicked the execution off "
        "or answered the round before"
    )

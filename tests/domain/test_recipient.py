"""What becomes of a person who is asked in a review."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.feedback import Feedback
from orchestrator.domain.recipient import Recipient, RecipientState
from orchestrator.errors import IllegalTransition

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ASKED = Recipient(
    *("p-1", "r-1", "k-1", "newsroom", "ann@x", RecipientState.ASKED, 1, 0, "group legal", AT),
    token_hash="sha256:0",
    snoozed_until=AT,
    by_group="legal",
)
SAID = Feedback("Stop here", "token:web", "mail", approved=False, outcome="stop")
VOTED = ASKED.vote(SAID, AT)


def test_a_vote_says_who_decided_what_when_and_by_which_way() -> None:
    assert ASKED.vote(SAID, AT) == replace(
        ASKED,
        state=RecipientState.VOTED,
        decided_at=AT,
        approved=False,
        outcome="stop",
        words="Stop here",
        channel="mail",
    )


def test_who_is_asked_again_has_said_nothing_yet() -> None:
    assert VOTED.ask_again() == ASKED


def test_words_that_are_taken_back_leave_the_vote() -> None:
    assert VOTED.take_back() == replace(VOTED, words=None)


def test_who_hands_the_review_on_names_who_is_asked_instead() -> None:
    expected = replace(ASKED, state=RecipientState.DELEGATED, delegated_to="ben@x")
    assert ASKED.delegate("ben@x") == expected


@pytest.mark.parametrize("before", [ASKED, VOTED])
def test_whoever_is_relieved_keeps_what_they_said(before: Recipient) -> None:
    assert before.relieve() == replace(before, state=RecipientState.RELIEVED)


@pytest.mark.parametrize(
    ("before", "transition"),
    [
        (VOTED, lambda it: it.vote(SAID, AT)),
        (ASKED, lambda it: it.ask_again()),
        (VOTED, lambda it: it.delegate("ben@x")),
        (ASKED.relieve(), lambda it: it.relieve()),
        (ASKED.delegate("ben@x"), lambda it: it.vote(SAID, AT)),
    ],
)
def test_who_is_not_asked_decides_nothing(
    before: Recipient, transition: Callable[[Recipient], Any]
) -> None:
    with pytest.raises(IllegalTransition):
        transition(before)


def test_a_person_who_snoozes_is_left_in_peace_until_then() -> None:
    snoozed = ASKED.snooze(AT + SECOND)

    assert snoozed == replace(ASKED, snoozed_until=AT + SECOND)
    assert [snoozed.is_snoozed(AT), snoozed.is_snoozed(AT + SECOND)] == [True, False]
    assert not replace(ASKED, snoozed_until=None).is_snoozed(AT)


def test_a_mail_that_did_not_arrive_is_trouble_until_a_later_one_does() -> None:
    unreached = ASKED.undeliverable("550 no such mailbox")

    assert unreached == replace(ASKED, trouble="550 no such mailbox")
    assert unreached.reached() == ASKED

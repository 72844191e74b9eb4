"""A review's page that is open: it tells at once what others do, and keeps what was written."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sitting import Reviews, Sitting, looked_at

WORDS, TEXT = "What should change", "The text as it shall be"


@pytest.fixture
def review_id(reviews: Reviews) -> str:
    return reviews.wait("letter", "Dear reader")


@pytest.fixture
def desk(sit: Callable[..., Sitting], review_id: str) -> Sitting:
    """Ann at the page of a review, with half an answer."""
    sitting = sit()
    sitting.sign_in("ann@example.com")
    sitting.go(f"/inbox/reviews/{review_id}")
    sitting.page.get_by_text("Edit the text, then approve it").click()
    sitting.page.get_by_label(TEXT).fill("Dear Ms Lee")
    sitting.page.get_by_label(WORDS).fill("Half a thought")
    return sitting


def keeps_what_was_written(page: Page) -> None:
    expect(page.get_by_label(WORDS)).to_have_value("Half a thought")
    expect(page.get_by_label(TEXT)).to_have_value("Dear Ms Lee")
    expect(page.get_by_label("Approve this text instead")).to_be_checked()


def test_who_decides_is_told_at_once_and_what_was_written_stays(
    desk: Sitting, reviews: Reviews, review_id: str
) -> None:
    page = desk.page
    page.get_by_label(WORDS).focus()
    reviews.answer(review_id, is_approve=False, human_feedback="Say who writes.")
    told = page.locator("#state")
    expect(told).to_contain_text("changes wanted")
    expect(told).to_contain_text("answered by ben@example.com via api")
    expect(told).to_contain_text("Say who writes.")
    expect(page.locator("#news")).to_contain_text("answered by ben@example.com")
    expect(page.get_by_text("What you have written stays here")).to_be_visible()
    keeps_what_was_written(page)
    expect(page.get_by_label(WORDS)).to_be_focused()
    for name in ("Approve", "Ask for changes", "Claim it for yourself"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_disabled()
    page.keyboard.type(" more")
    expect(page.get_by_label(WORDS)).to_have_value("Half a thought more")
    assert looked_at(desk) == []


@pytest.mark.parametrize("how", ["withdrawn", "expired"])
def test_that_it_has_ended_is_told(
    desk: Sitting, reviews: Reviews, review_id: str, how: str
) -> None:
    if how == "expired":
        reviews.expire(review_id)
    else:
        withdraw = f"/v1/reviews/{review_id}/withdraw"
        assert reviews.service.call("POST", withdraw, {"reason": "a slip"}).ok
    expect(desk.page.locator("#state")).to_contain_text(how)
    expect(desk.page.get_by_role("button", name="Approve", exact=True)).to_be_disabled()
    keeps_what_was_written(desk.page)


def test_a_claim_of_another_comes_and_goes_and_then_one_decides(
    desk: Sitting, reviews: Reviews, review_id: str
) -> None:
    page, path = desk.page, f"/v1/reviews/{review_id}"
    approve = page.get_by_role("button", name="Approve", exact=True)
    approve.focus()
    reviews.service.call("POST", f"{path}/claim", {"person": "ben@example.com"})
    expect(page.locator("#state")).to_contain_text("ben@example.com has claimed this review")
    expect(approve).to_be_disabled()
    expect(page.locator("#state")).to_be_focused()
    reviews.service.call("POST", f"{path}/release", {"person": "ben@example.com"})
    expect(approve).to_be_enabled()
    expect(page.get_by_text("What you have written stays here")).to_be_hidden()
    keeps_what_was_written(page)
    approve.click()
    page.get_by_role("button", name="Approve this text").click()
    decided = reviews.decided(review_id)
    assert (decided["edited"], decided["feedback"]) == (True, "Half a thought")


def test_who_could_not_decide_is_told_that_they_can(
    sit: Callable[..., Sitting], reviews: Reviews, review_id: str
) -> None:
    path = f"/v1/reviews/{review_id}"
    reviews.service.call("POST", f"{path}/claim", {"person": "ben@example.com"})
    desk = sit()
    desk.sign_in("ann@example.com")
    desk.go(f"/inbox/reviews/{review_id}")
    expect(desk.page.get_by_label(WORDS)).to_have_count(0)
    reviews.service.call("POST", f"{path}/release", {"person": "ben@example.com"})
    expect(desk.page.get_by_text("You may decide now")).to_be_visible()
    desk.page.get_by_role("link", name="Load this page again").click()
    expect(desk.page.get_by_label(WORDS)).to_be_visible()


def test_the_end_of_the_session_is_told_and_words_stay(desk: Sitting, reviews: Reviews) -> None:
    reviews.end_sessions()
    expect(desk.page.get_by_role("alert")).to_contain_text("Your session has ended")
    keeps_what_was_written(desk.page)

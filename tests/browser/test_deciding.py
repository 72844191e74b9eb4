from __future__ import annotations

import re

from playwright.sync_api import expect
from sitting import Reviews, Sitting


def test_a_review_is_found_in_the_list_and_approved(ann: Sitting, reviews: Reviews) -> None:
    review_id = reviews.wait("letter", "# Dear reader\n\nIt is *done*.")
    ann.go("/inbox")
    page = ann.page
    expect(page).to_have_title("(1) Inbox")
    page.get_by_role("link", name="write").click()
    expect(page.locator(".output em")).to_have_text("done")
    page.get_by_label("What should change").fill("Well said.")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("approved")
    decided = reviews.decided(review_id)
    assert (decided["approved"], decided["feedback"]) == (True, "Well said.")
    assert decided["reviewer"] == "ann@example.com"


def test_changes_are_asked_for_and_the_next_round_shows_them(
    ann: Sitting, reviews: Reviews
) -> None:
    review_id = reviews.wait("letter", "Dear reader")
    page = ann.page
    ann.go(f"/inbox/reviews/{review_id}")
    page.get_by_label("What should change").fill("Say who writes.")
    page.get_by_role("button", name="Ask for changes").click()
    expect(page.get_by_role("status")).to_contain_text("changes wanted")
    execution_id = reviews.decided(review_id)["execution_id"]
    second = reviews.service.until(lambda: reviews.of(execution_id))
    ann.go(f"/inbox/reviews/{second}")
    expect(page.locator(".changes ins")).to_contain_text("Say who writes.")


def test_an_option_is_chosen(ann: Sitting, reviews: Reviews) -> None:
    review_id = reviews.wait("choice", "A draft")
    ann.go(f"/inbox/reviews/{review_id}")
    ann.page.get_by_role("button", name="archive").click()
    expect(ann.page.get_by_role("status")).to_contain_text(re.compile("archive"))
    assert reviews.decided(review_id)["outcome"] == "archive"

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect
from sitting import Reviews, Sitting


def test_who_comes_second_is_told_who_won_and_keeps_what_was_written(
    ann: Sitting, sit: Callable[..., Sitting], reviews: Reviews
) -> None:
    ben = sit()
    ben.sign_in("ben@example.com")
    ann.expected = ("409 (Conflict)",)
    ann.stays_deaf("/inbox/reviews/*/events")
    review_id = reviews.wait("letter", "Dear reader")
    for each in (ann, ben):
        each.go(f"/inbox/reviews/{review_id}")
    ann.page.get_by_label("What should change").fill("My long thoughts.")
    ben.page.get_by_role("button", name="Approve", exact=True).click()
    expect(ben.page.get_by_role("status")).to_contain_text("approved")
    ann.page.get_by_role("button", name="Ask for changes").click()
    expect(ann.page.get_by_role("status")).to_contain_text("answered by ben@example.com via inbox")
    expect(ann.page.locator("pre")).to_have_text("My long thoughts.")
    assert reviews.decided(review_id)["approved"] is True


def test_a_page_left_open_over_night_gives_back_what_was_written(
    ann: Sitting, reviews: Reviews
) -> None:
    ann.expected = ("401 (Unauthorized)",)
    review_id = reviews.wait("letter", "Dear reader")
    ann.go(f"/inbox/reviews/{review_id}")
    page = ann.page
    page.get_by_label("What should change").fill("My long thoughts.")
    page.get_by_text("Edit the text, then approve it").click()
    page.get_by_label("The text as it shall be").fill("My own text.")
    page.get_by_label("Approve this text instead").check()
    reviews.end_sessions()
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in first")).to_be_visible()
    expect(page.locator("pre")).to_have_text("My long thoughts.\n\nMy own text.")
    assert reviews.now(review_id)["state"] == "PENDING"


def test_a_list_left_open_over_night_gives_back_what_was_written(
    ann: Sitting, reviews: Reviews
) -> None:
    ann.expected = ("401 (Unauthorized)",)
    review_id = reviews.wait("letter", "Dear reader")
    ann.go("/inbox")
    page = ann.page
    page.locator(f"#review-{review_id} input").check()
    if not page.get_by_label("Words for all of them").is_visible():
        page.get_by_text("Decide on several at once").click()
    page.get_by_label("Answer").select_option("Approve")
    page.get_by_label("Words for all of them").fill("My long thoughts.")
    reviews.end_sessions()
    page.get_by_role("button", name="Decide on all").click()
    expect(page.get_by_role("heading", name="Sign in first")).to_be_visible()
    expect(page.locator("pre")).to_have_text("My long thoughts.")
    assert reviews.now(review_id)["state"] == "PENDING"

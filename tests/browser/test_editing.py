from __future__ import annotations

from playwright.sync_api import expect
from sitting import Reviews, Sitting


def begin_to_edit(ann: Sitting, review_id: str, text: str) -> None:
    ann.go(f"/inbox/reviews/{review_id}")
    page = ann.page
    page.get_by_text("Edit the text, then approve it").click()
    page.get_by_label("The text as it shall be").fill(text)
    page.get_by_label("Approve this text instead").check()
    page.get_by_label("What should change").fill("Only the name.")
    page.get_by_role("button", name="Approve", exact=True).click()


def test_an_edited_text_counts_once_the_difference_was_seen(ann: Sitting, reviews: Reviews) -> None:
    review_id = reviews.wait("letter", "Dear reader,\nall is well.")
    begin_to_edit(ann, review_id, "Dear Ms Lee,\nall is well.")
    page = ann.page
    expect(page.locator("#confirm del")).to_have_text("reader,")
    expect(page.locator("#confirm ins")).to_have_text("Ms Lee,")
    assert reviews.now(review_id)["state"] == "PENDING"
    page.get_by_role("button", name="Approve this text").click()
    expect(page.get_by_role("status")).to_contain_text("approved an edited text")
    decided = reviews.decided(review_id)
    assert (decided["edited"], decided["feedback"]) == (True, "Only the name.")
    output = reviews.service.call("GET", f"/v1/executions/{decided['execution_id']}").text
    assert "Ms Lee" in output or reviews.service.ended("letter", decided["execution_id"])


def test_one_may_go_back_to_an_edited_text(ann: Sitting, reviews: Reviews) -> None:
    review_id = reviews.wait("letter", "Dear reader")
    begin_to_edit(ann, review_id, "Dear Ms Lea")
    ann.page.get_by_role("button", name="Edit it again").click()
    expect(ann.page.get_by_label("The text as it shall be")).to_have_value("Dear Ms Lea")
    expect(ann.page.get_by_label("What should change")).to_have_value("Only the name.")
    ann.page.get_by_label("The text as it shall be").fill("Dear Ms Lee")
    ann.page.get_by_role("button", name="Approve", exact=True).click()
    ann.page.get_by_role("button", name="Approve this text").click()
    execution_id = reviews.decided(review_id)["execution_id"]
    assert reviews.service.ended("letter", execution_id).result == "Printed: Dear Ms Lee"


def test_a_text_that_was_not_changed_needs_no_second_look(ann: Sitting, reviews: Reviews) -> None:
    review_id = reviews.wait("letter", "\nDear reader")
    begin_to_edit(ann, review_id, "\nDear reader")
    expect(ann.page.get_by_role("status")).to_contain_text("approved")
    reviews.decided(review_id)

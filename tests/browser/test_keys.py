from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from sitting import Reviews, Sitting


@pytest.fixture
def desk(sit: Callable[..., Sitting], reviews: Reviews) -> Sitting:
    sitting = sit()
    sitting.sign_in("ann@example.com")
    return sitting


def test_a_review_is_found_read_and_decided_by_keys_alone(desk: Sitting, reviews: Reviews) -> None:
    first, second = reviews.wait("letter", "one"), reviews.wait("letter", "two")
    page, press = desk.page, desk.page.keyboard.press
    desk.go("/inbox")
    press("j")
    expect(page.locator(f"#review-{first} a")).to_be_focused()
    press("j")
    press("j")
    expect(page.locator(f"#review-{second} a")).to_be_focused()
    press("k")
    press("j")
    press("Enter")
    page.wait_for_url(f"**/inbox/reviews/{second}")
    press("r")
    page.keyboard.type("jar? Say it with x, a and e.")
    expect(page.get_by_label("What should change")).to_have_value("jar? Say it with x, a and e.")
    assert reviews.now(second)["state"] == "PENDING"
    page.get_by_label("What should change").blur()
    press("a")
    expect(page.get_by_role("button", name="Approve", exact=True)).to_be_focused()
    assert reviews.now(second)["state"] == "PENDING"
    press("Enter")
    assert reviews.decided(second)["approved"] is True


def test_keys_on_the_list_select_and_lead_to_the_button(desk: Sitting, reviews: Reviews) -> None:
    review_id = reviews.wait("letter", "one")
    page, press = desk.page, desk.page.keyboard.press
    desk.go("/inbox")
    press("j")
    press("x")
    expect(page.get_by_text(": 1 selected")).to_be_visible()
    press("x")
    expect(page.get_by_text(": 1 selected")).to_have_count(0)
    press("a")
    expect(page.get_by_role("button", name="Decide on all")).to_be_focused()
    assert reviews.now(review_id)["state"] == "PENDING"
    press("Enter")
    expect(page.get_by_role("heading", name="1 decided")).to_be_visible()
    assert reviews.decided(review_id)["approved"] is True


def test_enter_on_a_ticked_row_opens_it_and_decides_nothing(
    desk: Sitting, reviews: Reviews
) -> None:
    review_id = reviews.wait("letter", "one")
    desk.go("/inbox")
    desk.page.locator(f"#review-{review_id} input").check()
    desk.page.keyboard.press("Enter")
    desk.page.wait_for_url(f"**/inbox/reviews/{review_id}")
    assert reviews.now(review_id)["state"] == "PENDING"


def test_e_leads_to_the_text_and_changing_it_means_it(desk: Sitting, reviews: Reviews) -> None:
    review_id = reviews.wait("letter", "one")
    page, press = desk.page, desk.page.keyboard.press
    desk.go("/inbox")
    press("j")
    press("e")
    page.wait_for_url(f"**/inbox/reviews/{review_id}#edit")
    text = page.get_by_label("The text as it shall be")
    expect(text).to_be_focused()
    expect(page.get_by_label("Approve this text instead")).not_to_be_checked()
    text.press_sequentially("!")
    expect(page.get_by_label("Approve this text instead")).to_be_checked()


def test_the_keys_are_told_and_can_be_turned_off(desk: Sitting, reviews: Reviews) -> None:
    reviews.wait("letter", "one")
    page, press = desk.page, desk.page.keyboard.press
    desk.go("/inbox")
    press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.get_by_label("Use these keys").uncheck()
    page.get_by_role("button", name="Close").click()
    desk.go("/inbox")
    press("?")
    press("j")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("[data-here]")).to_have_count(0)

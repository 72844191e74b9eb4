from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from sitting import Reviews, Sitting


@pytest.fixture
def desk(sit: Callable[..., Sitting], reviews: Reviews) -> Sitting:
    """Ann at an empty list."""
    sitting = sit()
    sitting.sign_in("ann@example.com")
    expect(sitting.page.get_by_text("Nothing waits.")).to_be_visible()
    return sitting


def test_a_review_comes_into_the_list_and_goes_when_it_is_decided(
    desk: Sitting, reviews: Reviews
) -> None:
    page = desk.page
    review_id = reviews.wait("letter", "Dear reader")
    row = page.locator(f"#review-{review_id}")
    expect(row).to_contain_text("Dear reader")
    expect(page).to_have_title("(1) Inbox")
    expect(page.locator("#news")).to_have_text("New: write")
    reviews.answer(review_id, is_approve=True)
    expect(row).to_have_count(0)
    expect(page).to_have_title("(0) Inbox")
    expect(page.get_by_text("Nothing waits.")).to_be_visible()


def test_rows_stand_in_the_order_of_the_list_and_keep_what_was_selected(
    desk: Sitting, reviews: Reviews
) -> None:
    page = desk.page
    first = reviews.wait("letter", "one")
    box = page.locator(f"#review-{first} input")
    box.check()
    second = reviews.wait("careful", "two")
    page.locator(f"#review-{second} a").focus()
    reviews.service.call("POST", f"/v1/reviews/{first}/claim", {"person": "ben@example.com"})
    reviews.service.call("POST", f"/v1/reviews/{second}/claim", {"person": "ann@example.com"})
    expect(page.locator(f"#review-{first}")).to_contain_text("Claimed by ben@example.com")
    expect(page.locator(f"#review-{second}")).to_contain_text("Claimed by ann@example.com")
    expect(box).to_be_checked()
    expect(page.locator(f"#review-{second} a")).to_be_focused()
    ids = page.locator("#rows > li").evaluate_all("all => all.map(each => each.id)")
    assert ids == [f"review-{first}", f"review-{second}"]


def test_the_list_is_narrowed_while_one_types_and_the_stream_with_it(
    desk: Sitting, reviews: Reviews
) -> None:
    page = desk.page
    reviews.wait("letter", "one")
    expect(page.locator("#rows > li")).to_have_count(1)
    with page.expect_request(lambda each: "/inbox/events" in each.url and "choice" in each.url):
        page.get_by_label("Deployment").select_option("choice")
    expect(page.locator("#rows > li")).to_have_count(0)
    chosen = reviews.wait("choice", "two")
    reviews.wait("letter", "three")
    expect(page.locator(f"#review-{chosen}")).to_be_visible()
    expect(page.locator("#rows > li")).to_have_count(1)
    assert page.url.endswith("deployment=choice&text=&whose=")


def test_what_waits_for_one_s_groups_is_a_list_of_its_own(ann: Sitting, reviews: Reviews) -> None:
    page = ann.page
    mine, ours = reviews.wait("letter", "mine"), reviews.wait("shared", "ours")
    ann.go("/inbox")
    whose = page.get_by_role("navigation", name="Whose")
    expect(whose.get_by_role("link")).to_have_text(["Mine (1)", "My groups\u2019 (1)", "All (2)"])
    expect(page.locator("#rows > li")).to_have_count(1)
    expect(page.locator(f"#review-{mine}")).to_be_visible()
    whose.get_by_role("link", name="My groups\u2019").click()
    expect(page.locator("#rows > li")).to_have_count(1)
    expect(page.locator(f"#review-{ours}")).to_contain_text("For the group desk")
    page.get_by_label("Task, question").fill("nothing of the kind")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#rows > li")).to_have_count(0)
    expect(whose.locator("[aria-current]")).to_have_text("My groups\u2019")


def test_the_number_of_the_list_follows_its_rows(desk: Sitting, reviews: Reviews) -> None:
    here = desk.page.get_by_role("navigation", name="Whose").locator("[aria-current]")
    expect(here).to_have_text("Mine (0)")
    review_id = reviews.wait("letter", "one")
    expect(here).to_have_text("Mine (1)")
    reviews.answer(review_id, is_approve=True)
    expect(here).to_have_text("Mine (0)")


def test_the_stream_ends_with_the_session_and_words_stay(desk: Sitting, reviews: Reviews) -> None:
    page = desk.page
    reviews.wait("letter", "one")
    page.get_by_text("Decide on several at once").click()
    page.get_by_label("Words for all of them").fill("half a thought")
    reviews.end_sessions()
    expect(page.get_by_role("alert")).to_contain_text("Your session has ended")
    expect(page.get_by_label("Words for all of them")).to_have_value("half a thought")


def test_many_windows_of_one_session_leave_the_browser_room(
    desk: Sitting, reviews: Reviews
) -> None:
    """A browser opens six connections to a host; streams must not take them all."""
    others = [desk.open_page() for _ in range(6)]
    for each in others:
        each.goto(f"{desk.service.url}/inbox")
        expect(each.get_by_role("heading", name="Waiting")).to_be_visible()
    review_id = reviews.wait("letter", "one")
    expect(others[-1].locator(f"#review-{review_id}")).to_be_visible()

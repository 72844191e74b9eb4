from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect
from sitting import Reviews, Sitting


def decide(page: Page, review_ids: list[str], answer: str, words: str = "") -> None:
    for each in review_ids:
        page.locator(f"#review-{each} input").check()
    if not page.get_by_label("Words for all of them").is_visible():
        page.get_by_text("Decide on several at once").click()
    page.get_by_label("Answer").select_option(answer)
    page.get_by_label("Words for all of them").fill(words)
    page.get_by_role("button", name="Decide on all").click()


def test_several_are_approved_with_the_same_words(ann: Sitting, reviews: Reviews) -> None:
    ids = [reviews.wait("letter", f"Letter {number}") for number in range(3)]
    ann.go("/inbox")
    decide(ann.page, ids[:2], "Approve", "Both are fine.")
    expect(ann.page.get_by_role("heading", name="2 decided")).to_be_visible()
    for each in ids[:2]:
        decided = reviews.decided(each)
        assert (decided["approved"], decided["feedback"]) == (True, "Both are fine.")
        assert decided["channel"] == "inbox"
    assert reviews.now(ids[2])["state"] == "PENDING"


def test_each_that_cannot_be_decided_says_why_and_words_are_kept(
    ann: Sitting, reviews: Reviews
) -> None:
    """One is decided by somebody else meanwhile, one wants a typed word, one has other answers."""
    mine, lost = reviews.wait("letter", "mine"), reviews.wait("letter", "lost")
    careful, chosen = reviews.wait("careful", "careful"), reviews.wait("choice", "options")
    ann.stays_deaf("/inbox/events*")  # else it is gone
    ann.go("/inbox")
    said = {"is_approve": True, "reviewer": "ben@example.com"}
    assert reviews.service.call("POST", f"/v1/reviews/{lost}/answer", said).ok
    decide(ann.page, [mine, lost, careful, chosen], "Ask for changes", "Shorter, all of you.")
    page = ann.page
    expect(page.get_by_role("heading", name="1 decided, 3 not")).to_be_visible()
    left = page.locator("li.left")
    expect(left.nth(0)).to_contain_text("answered by ben@example.com")
    expect(left.nth(1)).to_contain_text("Type 'write' to confirm")
    expect(left.nth(2)).to_contain_text("Choose one of the answers")
    expect(page.locator("pre")).to_have_text("Shorter, all of you.")
    assert reviews.decided(mine)["approved"] is False
    assert [reviews.now(each)["state"] for each in (careful, chosen)] == ["PENDING"] * 2


def test_an_option_that_several_share_is_chosen(ann: Sitting, reviews: Reviews) -> None:
    ids = [reviews.wait("choice", f"Draft {number}") for number in range(2)]
    ann.go("/inbox")
    decide(ann.page, ids, "archive")
    expect(ann.page.get_by_role("heading", name="2 decided")).to_be_visible()
    assert [reviews.decided(each)["outcome"] for each in ids] == ["archive"] * 2


def test_answers_of_a_review_that_comes_meanwhile_are_in_the_menu(
    sit: Callable[..., Sitting], reviews: Reviews
) -> None:
    """What was chosen and written before stays."""
    ann = sit()
    ann.sign_in("ann@example.com")
    letter = reviews.wait("letter", "Dear reader")
    page, menu = ann.page, ann.page.get_by_label("Answer")
    expect(page.locator(f"#review-{letter}")).to_be_visible()
    page.get_by_text("Decide on several at once").click()
    menu.select_option("Ask for changes")
    page.get_by_label("Words for all of them").fill("Not now")
    chosen = reviews.wait("choice", "A draft")
    expect(page.locator(f"#review-{chosen}")).to_be_visible()
    expect(menu.locator("option")).to_have_text(
        ["choose", "Approve", "Ask for changes", "publish", "archive", "drop"]
    )
    expect(menu).to_have_value("reject")
    expect(page.get_by_label("Words for all of them")).to_have_value("Not now")
    decide(page, [chosen], "archive")
    expect(page.get_by_role("heading", name="1 decided")).to_be_visible()
    assert reviews.decided(chosen)["outcome"] == "archive"


def test_a_form_that_is_sent_twice_decides_once(
    sit: Callable[..., Sitting], reviews: Reviews
) -> None:
    ann = sit(javascript=False)
    ann.sign_in("ann@example.com")
    review_id = reviews.wait("letter", "Dear reader")
    ann.go("/inbox")
    again = ann.open_page()
    again.goto(f"{ann.service.url}/inbox")
    decide(ann.page, [review_id], "Approve")
    decide(again, [review_id], "Ask for changes")
    expect(again.locator("li.left")).to_contain_text("You have decided this one already")
    assert reviews.decided(review_id)["approved"] is True


def test_what_is_selected_but_not_sensible_decides_nothing(ann: Sitting, reviews: Reviews) -> None:
    review_id = reviews.wait("letter", "Dear reader")
    ann.expected = ("422 (Unprocessable Entity)",)
    ann.go("/inbox")
    decide(ann.page, [], "Approve", "my words")
    expect(ann.page.get_by_role("status")).to_contain_text("Select the reviews")
    expect(ann.page.locator("pre")).to_have_text("my words")
    assert reviews.now(review_id)["state"] == "PENDING"

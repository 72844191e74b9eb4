"""The pages behind the links of mails: no sign-in, no script, the same form as in the inbox."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from inbox_crews import OWLS
from playwright.sync_api import expect
from sitting import SIZES, Reviews, Sitting, looked_at


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without"])
def reader(request: pytest.FixtureRequest, sit: Callable[..., Sitting]) -> Sitting:
    """Ann, who is not signed in, and reads her mail."""
    return sit(javascript=request.param)


def test_a_decision_and_the_words_are_taken_back(reader: Sitting, reviews: Reviews) -> None:
    """They are for the next retry alone, so no task reads them after an approval."""
    review_id = reviews.wait("letter", "Dear reader")
    reader.go(f"{reviews.link(review_id)}?choice=approve")
    page = reader.page
    page.get_by_label("What should change").fill("That was a slip")
    page.get_by_label("This retry only").check()
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_role("heading", name="Decided")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("approved")
    expect(page.get_by_text("That was a slip")).to_be_visible()
    page.get_by_role("button", name="Take these words back").click()
    expect(page.get_by_text("Words were taken back by ann@example.com")).to_be_visible()
    expect(page.get_by_text("That was a slip")).to_have_count(0)
    decided = reviews.decided(review_id)
    assert (decided["approved"], "feedback" in decided) == (True, False)


def test_words_that_were_read_stay(reader: Sitting, reviews: Reviews) -> None:
    review_id = reviews.wait("letter", "Dear reader")
    path = reviews.link(review_id)
    reader.go(path)
    page = reader.page
    page.get_by_label("What should change").fill("Print it in red")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_role("heading", name="Decided")).to_be_visible()
    reviews.service.ended("letter", reviews.decided(review_id)["execution_id"])
    reader.go(path)
    expect(page.get_by_text("The first to read these words was print_it, round 1")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)


def test_who_comes_second_keeps_what_was_written(reader: Sitting, reviews: Reviews) -> None:
    reader.expected = ("409 (Conflict)",)
    review_id = reviews.wait("letter", "Dear reader")
    reader.go(reviews.link(review_id))
    page = reader.page
    page.get_by_label("What should change").fill("My long thoughts.")
    reviews.answer(review_id, is_approve=True)
    page.get_by_role("button", name="Ask for changes").click()
    expect(page.get_by_role("heading", name="Already decided")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("answered by ben@example.com via api")
    expect(page.locator("pre")).to_have_text("My long thoughts.")
    assert reviews.now(review_id)["approved"] is True


def test_a_link_is_told_that_the_time_is_over(reader: Sitting, reviews: Reviews) -> None:
    reader.expected = ("409 (Conflict)",)
    review_id = reviews.wait("letter", "Dear reader")
    path = reviews.link(review_id)
    reader.go(path)
    page = reader.page
    page.get_by_label("What should change").fill("My long thoughts.")
    reviews.expire(review_id)
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("expired")
    expect(page.locator("pre")).to_have_text("My long thoughts.")
    reader.go(path)
    expect(page.get_by_role("heading", name="The time is over")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)


def test_a_link_is_used_by_keyboard_alone(reader: Sitting, reviews: Reviews) -> None:
    """Enter in a field decides nothing; Tab leads to all that there is, in the page's order."""
    review_id = reviews.wait("careful", "Dear reader")
    reader.go(reviews.link(review_id))
    page, press = reader.page, reader.page.keyboard.press
    reader.tab_to("#feedback")
    page.keyboard.type("Fine")
    reader.tab_to("#word")
    page.keyboard.type("write")
    press("Enter")
    assert reviews.now(review_id)["state"] == "PENDING"
    reader.tab_to("button[name=choice][value=approve]")
    press("Enter")
    expect(page.get_by_role("heading", name="Decided")).to_be_visible()
    assert reviews.decided(review_id)["feedback"] == "Fine"


def test_every_page_as_it_looks(sit: Callable[..., Sitting], reviews: Reviews) -> None:
    """At each size, light and dark, with JavaScript and without: each pair of these once."""
    sittings = {
        (size, scheme): sit(
            size=size, scheme=scheme, javascript=(size == "desk") is (scheme == "dark")
        )
        for size in SIZES
        for scheme in ("light", "dark")
    }
    ids = {each: reviews.wait(each, "Dear " + "reader" * 40) for each in ("letter", "both")}
    ids["booking"] = reviews.wait("booking", OWLS)
    ids["choice"], ids["careful"] = reviews.wait("choice", "A"), reviews.wait("careful", "B")
    ids["expired"] = reviews.wait("letter", "Too late")
    links = {name: reviews.link(each) for name, each in ids.items()}
    found: dict[tuple[object, ...], list[str]] = {}

    def look(at: str, act: Callable[[Sitting], None]) -> None:
        for how, sitting in sittings.items():
            act(sitting)
            found[at, *how] = looked_at(sitting)

    for sitting in sittings.values():
        sitting.expected = ("404 (Not Found)", "409 (Conflict)", "422 (Unprocessable Entity)")
    for name in ("choice", "careful", "booking", "letter"):
        look(name, lambda sitting, name=name: unfold(sitting, links[name]))
    look("refused", lambda sitting: send_refused(sitting, links["booking"]))
    look("confirm", lambda sitting: send_edited(sitting, links["letter"]))
    look("unknown", lambda sitting: sitting.go("/r/none"))
    for sitting in sittings.values():
        sitting.go(links["letter"])
    reviews.answer(ids["letter"], is_approve=False, human_feedback="Shorter " * 40)
    look("conflict", lambda sitting: press(sitting, "Approve"))
    look("decided", lambda sitting: sitting.go(links["letter"]))
    reviews.service.call(
        "POST",
        f"/v1/reviews/{ids['both']}/answer",
        {"is_approve": True, "reviewer": "ann@example.com"},
    )
    look("voted", lambda sitting: sitting.go(links["both"]))
    reviews.expire(ids["expired"])
    look("expired", lambda sitting: sitting.go(links["expired"]))
    execution_id = reviews.now(ids["letter"])["execution_id"]
    second = reviews.link(reviews.service.until(lambda: reviews.of(execution_id)))
    look("second round", lambda sitting: unfold(sitting, second))
    press(sittings["desk", "light"], "Approve")
    look("may take back", lambda sitting: sitting.go(second))
    assert {at: faults for at, faults in found.items() if faults} == {}


def unfold(sitting: Sitting, path: str) -> None:
    sitting.go(path)
    sitting.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")


def send_refused(sitting: Sitting, path: str) -> None:
    unfold(sitting, path)
    sitting.page.get_by_label("code").fill("owl")
    press(sitting, "Approve these values")
    expect(sitting.page.get_by_label("code")).to_have_attribute("aria-invalid", "true")


def send_edited(sitting: Sitting, path: str) -> None:
    unfold(sitting, path)
    sitting.page.get_by_label("The text as it shall be").fill("Dear " + "Ms Lee " * 90)
    sitting.page.get_by_label("Approve this text instead").check()
    press(sitting, "Approve")
    expect(sitting.page.locator("#confirm")).to_be_visible()


def press(sitting: Sitting, name: str) -> None:
    sitting.page.get_by_role("button", name=name, exact=True).click()

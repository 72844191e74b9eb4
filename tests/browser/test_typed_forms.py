"""Forms of typed answers, in the inbox and behind a mail's link: a fault stands at its field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from inbox_crews import OWLS
from playwright.sync_api import Page, expect
from sitting import SIZES, Reviews, Sitting, looked_at

UNFOLD = "Change its values, and approve these"


@pytest.fixture(params=["inbox", "link"])
def opened(
    request: pytest.FixtureRequest, ann: Sitting, reviews: Reviews
) -> Callable[[str], Sitting]:
    """Ann, with JavaScript and without, at the page of a review: the inbox's, or her mail's."""

    def open_page(review_id: str) -> Sitting:
        ann.expected = ("422 (Unprocessable Entity)",)
        is_link = request.param == "link"
        ann.go(reviews.link(review_id) if is_link else f"/inbox/reviews/{review_id}")
        return ann

    return open_page


def billed(reviews: Reviews, review_id: str) -> object:
    execution_id = reviews.decided(review_id)["execution_id"]
    result = reviews.service.ended("booking", execution_id).result
    return json.loads(str(result).removeprefix("Booked: "))


def at_fault(page: Page, label: str, why: str) -> None:
    """The field says that it is wrong, and why, to those who hear it as to those who see it."""
    field = page.get_by_label(label)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile(why))
    expect(page.locator(".fault").filter(has_text=re.compile(why)).last).to_be_visible()


def test_what_is_refused_stands_at_its_field_and_nothing_is_lost(
    opened: Callable[[str], Sitting], reviews: Reviews
) -> None:
    review_id = reviews.wait("booking", OWLS)
    page = opened(review_id).page
    page.get_by_text(UNFOLD).click()
    page.get_by_label("What should change").fill("As agreed by phone")
    page.get_by_label("Title").fill("Three owls")
    page.get_by_label("Code").fill("owl")
    page.get_by_label("Seats").fill("1\nthe window")
    page.get_by_label("Others").fill('[{"name": "x"}]')
    page.get_by_role("button", name="Approve these values").click()
    expect(page.get_by_role("alert")).to_contain_text("Not all fields can be read")
    at_fault(page, "Seats", "'the window' is no number")
    page.get_by_label("Seats").fill("1\n7")
    page.get_by_role("button", name="Approve these values").click()
    expect(page.get_by_role("alert")).to_contain_text("does not fit")
    at_fault(page, "Code", "does not match")
    at_fault(page, "Others", "too short")
    expect(page.get_by_label("Title")).to_have_value("Three owls")
    expect(page.get_by_label("Title")).not_to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Seats")).to_have_value("1\n7")
    expect(page.get_by_label("What should change")).to_have_value("As agreed by phone")
    assert reviews.now(review_id)["state"] == "PENDING"
    page.get_by_label("Code").fill("OWL")
    page.get_by_label("Others").fill("[]")
    page.get_by_role("button", name="Approve these values").click()
    decided = reviews.decided(review_id)
    assert (decided["edited"], decided["feedback"]) == (True, "As agreed by phone")
    assert billed(reviews, review_id) == {**OWLS, "title": "Three owls", "seats": [1, 7]}


def test_the_browser_stops_what_it_knows_to_be_wrong(
    opened: Callable[[str], Sitting], reviews: Reviews
) -> None:
    """But not a rejection, for which the fields do not matter."""
    review_id = reviews.wait("booking", OWLS)
    page = opened(review_id).page
    page.get_by_text(UNFOLD).click()
    page.get_by_label("Price").fill("-1")
    page.get_by_role("button", name="Approve these values").click()
    expect(page.get_by_label("Price")).to_be_focused()
    expect(page.locator("[name^=typed]:invalid")).to_have_count(1)
    assert reviews.now(review_id)["state"] == "PENDING"
    page.get_by_role("button", name="Ask for changes").click()
    assert reviews.decided(review_id)["approved"] is False


def test_values_are_changed_by_keyboard_alone(
    opened: Callable[[str], Sitting], reviews: Reviews
) -> None:
    review_id = reviews.wait("booking", OWLS)
    sitting = opened(review_id)
    keyboard = sitting.page.keyboard
    sitting.tab_to("summary:text('Change its values')")
    keyboard.press("Enter")
    sitting.tab_to("[name='typed.title']")
    keyboard.press("Control+A")
    keyboard.type("Four owls")
    keyboard.press("Enter")  # in a field it decides nothing
    sitting.tab_to("[name='typed.room']")
    keyboard.press("ArrowDown")
    sitting.tab_to("[name='typed.guest.name']")
    keyboard.press("Control+A")
    keyboard.type("Grace")
    assert reviews.now(review_id)["state"] == "PENDING"
    sitting.tab_to("button[name=send_typed]")
    keyboard.press("Enter")
    guest = {"name": "Grace", "arrives": None}
    changed = {**OWLS, "title": "Four owls", "room": "street", "guest": guest}
    assert billed(reviews, review_id) == changed


@pytest.mark.parametrize("size", SIZES)
def test_fields_and_their_faults_as_they_look(
    sit: Callable[..., Sitting], reviews: Reviews, size: str
) -> None:
    """In the inbox; with the tests of links, whose form it is, each is seen in every way."""
    path = f"/inbox/reviews/{reviews.wait('booking', OWLS)}"
    found = {}
    for scheme, javascript in (("light", size == "phone"), ("dark", size == "desk")):
        sitting = sit(size=size, scheme=scheme, javascript=javascript)
        sitting.expected = ("422 (Unprocessable Entity)",)
        sitting.sign_in("ann@example.com")
        sitting.go(path)
        sitting.page.get_by_text(UNFOLD).click()
        found[scheme, "fields"] = looked_at(sitting)
        sitting.page.get_by_label("Code").fill("owl")
        sitting.page.get_by_label("Title").fill("w" * 60)
        sitting.page.get_by_role("button", name="Approve these values").click()
        at_fault(sitting.page, "Code", "does not match")
        found[scheme, "faults"] = looked_at(sitting)
    assert {at: faults for at, faults in found.items() if faults} == {}

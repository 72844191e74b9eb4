"""The pictures of the documents; with PICTURES=folder they are taken anew (`make pictures`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect
from sitting import Reviews, Sitting

LETTER = """# Our opening hours in winter

Dear Ms Lee,

from **1 December** on we are there for you

| | from | to |
|---|---|---|
| Monday to Friday | 9 am | 5 pm |
| Saturday | 10 am | 1 pm |

Yours, the shop
"""
QUOTE = {"customer": "Lee", "positions": [{"what": "bicycle", "price": 480.00}], "valid": True}
MOST_BYTES = 60_000


def test_the_pictures_are_what_the_pages_are(
    sit: Callable[..., Sitting], reviews: Reviews, tmp_path: Path
) -> None:
    folder = Path(os.environ.get("PICTURES", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    for text in (QUOTE, LETTER):
        review_id = reviews.wait("letter", text)
    reviews.wait("choice", "A reader asks whether the shop is open on Sundays.")
    desk, phone = sit(), sit(size="phone", scheme="dark")
    for each in (desk, phone):
        each.page.set_viewport_size({"width": 820 if each is desk else 360, "height": 620})
        each.sign_in("ann@example.com")
    expect(desk.page.locator("#rows > li")).to_have_count(3)
    desk.page.keyboard.press("j")
    desk.page.locator("#rows input").nth(1).check()
    desk.page.locator("#rows a").first.focus()
    take(desk, folder / "inbox-waiting.png")
    desk.go(f"/inbox/reviews/{review_id}")
    take(desk, folder / "inbox-review.png")
    desk.page.keyboard.press("e")
    desk.page.get_by_label("The text as it shall be").fill(LETTER.replace("1 pm", "2 pm"))
    desk.page.get_by_role("button", name="Approve", exact=True).click()
    desk.page.locator("#confirm").scroll_into_view_if_needed()
    take(desk, folder / "inbox-confirm.png", part="#confirm")
    phone.go("/inbox")
    take(phone, folder / "inbox-phone.png")


def test_the_pictures_of_the_tutorials_are_what_the_pages_are(
    sit: Callable[..., Sitting], reviews: Reviews, tmp_path: Path
) -> None:
    folder = Path(os.environ.get("PICTURES", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    reader, desk = sit(size="phone"), sit()
    reader.page.set_viewport_size({"width": 560, "height": 640})
    desk.page.set_viewport_size({"width": 820, "height": 900})
    first = reviews.wait("article", "owls")
    reader.go(f"{reviews.link(first)}?choice=send")
    take(reader, folder / "link.png")
    reviews.answer(first, outcome="revise", human_feedback="Mention barn owls.")
    execution_id = reviews.now(first)["execution_id"]
    second = reviews.service.until(lambda: reviews.of(execution_id))
    desk.sign_in("ann@example.com")
    desk.go(f"/inbox/reviews/{second}")
    take(desk, folder / "second-round.png")


def take(sitting: Sitting, path: Path, part: str = "") -> None:
    """A picture in few colours: these are letters and lines."""
    shot = sitting.page.locator(part).screenshot() if part else sitting.page.screenshot()
    picture = Image.open(BytesIO(shot)).convert("RGB").quantize(64)
    picture.save(path, optimize=True)
    assert path.stat().st_size < MOST_BYTES

"""Whatever stands in a text: nothing of it runs, calls elsewhere, or breaks a page.

That nothing went wrong is what each sitting says in the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from sitting import Reviews, Sitting

ELSEWHERE = "http://127.0.0.1:9"

TEXTS = {
    "scripts": (
        "<script>alert(1)</script><img src=x onerror=alert(1)><svg onload=alert(1)>"
        "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe><body onload=alert(1)>"
        "<style>@import url(http://127.0.0.1:9/x.css)</style></textarea><script>alert(2)</script>"
        "</title><script>alert(3)</script>\"'><input autofocus onfocus=alert(4)>"
    ),
    "markdown": (
        f"![pixel]({ELSEWHERE}/pixel.png) [x](javascript:alert(1)) [y](data:text/html,<script>)"
        f" [z](vbscript:x) <{ELSEWHERE}> [ref]\n\n[ref]: javascript:alert(1)\n\n"
        f"![svg](data:image/svg+xml;base64,PHN2Zy8+)\n\n"
    ),
    "svg": f"<svg><a xlink:href='javascript:alert(1)'><image href='{ELSEWHERE}/i'/><foreignObject>",
    "htmx": (
        f"<div hx-get='{ELSEWHERE}' hx-trigger=load hx-on:click=alert(1) data-hx-get='/inbox'>x"
        "</div><li id=rows data-stream=/x></li><form action=/inbox/sign-out method=post id=bulk>"
    ),
    "right to left": "\u202eevorppA\u202c \u2066\u2067 שלום עולם مرحبا \u200f\u061c" * 20,
    "controls": "".join(map(chr, range(1, 32))) + "\x7f\x80\x9f\ufeff\u2028\u2029\ufffe \x1b[31m",
    "combining": "Z" + "\u0300\u0334\u0489" * 500 + "👩‍👩‍👧‍👦🏴" * 50,
    "one word": "w" * 5_000,
    "deep markdown": "> " * 2_000 + "x\n\n" + "*" * 5_000 + "\n\n" + "[" * 5_000,
    "deep data": "[" * 20_000,
    "data": json.dumps(
        {"<script>alert(1)</script>": "<img src=x onerror=alert(1)>", "__proto__": 1}
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_in_every_field(ann: Sitting, reviews: Reviews, name: str) -> None:
    """As the output, the words, an edited text, the words of a bulk, a search, a title."""
    text, page = TEXTS[name], ann.page
    ann.expected = ("422 (Unprocessable Entity)", "413 ", "404 (Not Found)")
    first, second = reviews.wait("letter", text), reviews.wait("letter", text)
    ann.go("/inbox")
    expect(page.locator("#rows > li")).to_have_count(2)
    ann.go(f"/inbox/reviews/{first}")
    output = page.locator(".output")
    expect(output).to_be_visible()
    assert output.locator("img, svg, script, iframe, form, input, [hx-get], [style]").count() == 0
    for link in output.locator("a").all():
        assert (link.get_attribute("href") or "").startswith(("http://", "https://", "mailto:"))
        assert link.get_attribute("rel") == "noopener noreferrer nofollow"
    page.get_by_label("What should change").fill(text)
    page.get_by_role("button", name="Ask for changes").click()
    expect(page.get_by_role("status")).to_contain_text("changes wanted")
    reviews.decided(first)
    ann.go(f"/inbox/reviews/{second}")
    page.get_by_text("Edit the text, then approve it").click()
    page.get_by_label("The text as it shall be").fill(f"{text} and more")
    page.get_by_label("Approve this text instead").check()
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.locator("#confirm")).to_be_visible()
    page.get_by_role("button", name="Approve this text").click()
    expect(page.get_by_role("status")).to_contain_text("approved an edited text")
    ann.go("/inbox")
    page.get_by_label("Task, question").fill(text[:150])
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="Waiting")).to_be_visible()
    ann.go("/inbox/done")
    expect(page.get_by_role("heading", name="Done")).to_be_visible()


def test_of_a_megabyte(ann: Sitting, reviews: Reviews) -> None:
    """It is shown as far as a page shows any, and a decision on it is taken."""
    review_id = reviews.wait("letter", ("word " * 20 + "\n\n") * 9_000)
    ann.go(f"/inbox/reviews/{review_id}")
    expect(ann.page.locator(".output .rest")).to_be_visible()
    expect(ann.page.get_by_text("Edit the text, then approve it")).to_have_count(0)
    ann.page.get_by_role("button", name="Approve", exact=True).click()
    expect(ann.page.get_by_role("status")).to_contain_text("approved")
    assert reviews.decided(review_id)["approved"] is True


def test_in_a_row_that_comes_while_one_looks(sit: Callable[..., Sitting], reviews: Reviews) -> None:
    ann = sit()
    ann.sign_in("ann@example.com")
    for name, text in TEXTS.items():
        review_id = reviews.wait("letter", text)
        row = ann.page.locator(f"#review-{review_id}")
        expect(row, name).to_be_visible()
        assert row.locator("img, svg, script, iframe, form").count() == 0

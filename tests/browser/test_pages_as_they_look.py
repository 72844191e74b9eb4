"""No page is wider than its window, none has what axe finds fault with, in light and dark."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from sitting import SIZES, Reviews, Sitting, looked_at

MARKDOWN = """# A title

Some *text* with a [link](https://example.com/) and `code`.

| a table | with many | columns of words | that take | room |
|---|---|---|---|---|
| 1 | 2 | 3 | 4 | averyveryverylongwordwithoutanyplacetobreakit |

    a_block_of_code = that_does_not_wrap("because it is code, and goes on and on and on and on")

1. one
2. two

> quoted
"""
DATA = {
    "name": "averyveryverylongwordwithoutanyplacetobreakit" * 4,
    "prices": [1, 2.50, None, True],
    "nested": {"a": {"b": {"c": ["deep", {"d": "deeper"}]}}},
}


def every_page(sitting: Sitting, reviews: Reviews) -> list[str]:
    """Every kind of page of the inbox, as paths."""
    text, data = reviews.wait("letter", MARKDOWN), reviews.wait("letter", DATA)
    choice, careful = reviews.wait("choice", "A draft"), reviews.wait("careful", "x" * 20_000)
    closed = reviews.wait("letter", "Old")
    reviews.wait("shared", "A" * 300)
    said = {"is_approve": False, "feedback": "Newer, please", "reviewer": "ben@example.com"}
    reviews.service.call("POST", f"/v1/reviews/{closed}/answer", said)
    execution_id = reviews.decided(closed)["execution_id"]
    second = reviews.service.until(lambda: reviews.of(execution_id))
    shown = (text, data, choice, careful, closed, second)
    lists = ["executions", "endpoints", "deliveries", "messages", "mails", "deployments", "doctor"]
    return [
        *(
            "/inbox",
            "/inbox?whose=all&text=none",
            "/inbox?whose=groups",
            "/inbox/done",
            "/inbox/reviews/none",
        ),
        *(f"/inbox/reviews/{each}" for each in shown),
        *(f"/inbox/{each}" for each in [*lists, "analytics"]),
        f"/inbox/executions/{execution_id}",
        f"/inbox/endpoints/{reviews.given_up('letter')}",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page(sit: Callable[..., Sitting], reviews: Reviews, size: str, scheme: str) -> None:
    sitting = sit(size=size, scheme=scheme)
    sitting.expected = ("404 (Not Found)",)
    found = {}
    sitting.go("/inbox/sign-in")
    found["sign-in"] = looked_at(sitting)
    sitting.sign_in("ann@example.com")
    for path in every_page(sitting, reviews):
        sitting.go(path)
        sitting.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        found[path] = looked_at(sitting)
    sitting.go("/inbox")
    sitting.page.keyboard.press("j")
    sitting.page.keyboard.press("a")
    found["a row is selected"] = looked_at(sitting)
    sitting.page.get_by_label("Answer").select_option("Ask for changes")
    sitting.page.locator("#rows input").nth(1).check()
    sitting.page.get_by_role("button", name="Decide on all").click()
    expect(sitting.page.get_by_role("heading", name="2 decided")).to_be_visible()
    found["results"] = looked_at(sitting)
    sitting.page.keyboard.press("?")
    found["keys"] = looked_at(sitting)
    assert {path: faults for path, faults in found.items() if faults} == {}


def test_the_page_that_confirms_an_edit(sit: Callable[..., Sitting], reviews: Reviews) -> None:
    review_id = reviews.wait("letter", "Dear reader")
    for size in SIZES:
        for scheme in ("light", "dark"):
            sitting = sit(size=size, scheme=scheme)
            sitting.sign_in("ann@example.com")
            sitting.go(f"/inbox/reviews/{review_id}#edit")
            sitting.page.get_by_label("The text as it shall be").fill("Dear " + "Ms Lee " * 90)
            sitting.page.get_by_role("button", name="Approve", exact=True).click()
            expect(sitting.page.locator("#confirm")).to_be_visible()
            assert looked_at(sitting) == []

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import chromium
import pytest
from service import Service

if chromium.WHY_NOT is None:
    from playwright.sync_api import Browser, sync_playwright
    from sitting import SIZES, Reviews, Sit, Sitting

collect_ignore = [
    path.name
    for path in Path(__file__).parent.glob("test_*.py")
    if chromium.WHY_NOT and path.name != "test_a_browser.py"
]

DEPLOYMENTS = """
[groups.desk]
members = ["ann@example.com", "ben@example.com"]
[deployments.shared]
functions = "inbox_crews:letter"
reviews = [{ ask = ["group:desk"] }]
[deployments.letter]
functions = "inbox_crews:letter"
reviews = [{ ask = ["ann@example.com", "ben@example.com"] }]
[deployments.choice]
functions = "inbox_crews:choice"
reviews = [{ ask = ["ann@example.com"] }]
[deployments.article]
functions = "inbox_crews:article"
reviews = [{ ask = ["ann@example.com", "ben@example.com"] }]
[deployments.careful]
functions = "inbox_crews:letter"
reviews = [{ ask = ["ann@example.com"], careful = true }]
[deployments.both]
functions = "inbox_crews:letter"
reviews = [{ ask = ["ann@example.com", "ben@example.com"], decisions = { of = 2 } }]
[deployments.booking]
functions = "inbox_crews:booking"
reviews = [{ ask = ["ann@example.com"] }]
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A real service with crews of functions whose outputs Ann has to judge."""
    service = Service(tmp_path_factory.mktemp("inbox"))
    service.deployments.write_text(DEPLOYMENTS)
    with service:
        yield service


@pytest.fixture
def reviews(inbox: Service) -> Iterator[Reviews]:
    """Nothing waits but what the test makes wait."""
    reviews = Reviews(inbox)
    yield reviews
    reviews.stop_all()


@pytest.fixture(scope="session")
def driven() -> Iterator[Browser]:
    """A Chromium without a head."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.PATH,
            args=["--no-sandbox", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture
def sit(inbox: Service, driven: Browser) -> Iterator[Sit]:
    """Sit somebody down at a window of their own. In the end nothing must have gone wrong in it."""
    sittings: list[Sitting] = []

    def begin(
        *, javascript: bool = True, size: str = "desk", scheme: str = "light", **more: Any
    ) -> Sitting:
        width, height = SIZES[size]
        context = driven.new_context(
            java_script_enabled=javascript,
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
            **more,
        )
        sittings.append(Sitting(inbox, context, javascript=javascript))
        return sittings[-1]

    yield begin
    faults = [each.found_faults() for each in sittings]
    for each in sittings:
        each.leave()
    assert not any(faults), faults


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without"])
def ann(request: pytest.FixtureRequest, sit: Callable[..., Sitting]) -> Sitting:
    """Ann, signed in, with JavaScript and without."""
    sitting = sit(javascript=request.param)
    sitting.sign_in("ann@example.com")
    return sitting

"""A person at a real browser, who notices what must not happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from links import links_of
from playwright.sync_api import BrowserContext, Page, expect
from playwright.sync_api import Error as PlaywrightError
from service import LONG_AGO, Service
from sqlalchemy import update

from orchestrator.adapters.sql.schema import reviews, sessions
from orchestrator.usecases.access.tokens import create_token

SIZES = {"phone": (360, 740), "desk": (1440, 900)}


def come_to_rest(page: Page) -> None:
    """Leave what it shows, and what it was on its way to.

    A page that commits another navigation refuses this one, and may get there all the same: then
    to ask at once again would interrupt what was asked for before.
    """
    for _ in range(10):
        with suppress(PlaywrightError):
            page.goto("about:blank")
            return
        with suppress(PlaywrightError):
            page.wait_for_url("about:blank", timeout=1_000)
            return
    page.goto("about:blank")


class Sitting:
    """One browser window of a person: its page, and all that went wrong in it.

    ``faults`` has every dialog, error of the console or of a script, and request to elsewhere.
    """

    def __init__(
        self, service: Service, context: BrowserContext, *, javascript: bool = True
    ) -> None:
        self.service = service
        self.context = context
        self.javascript = javascript
        self.faults: list[str] = []
        self.expected: tuple[str, ...] = ()
        self.page = self.open_page()

    def open_page(self) -> Page:
        """Another tab, watched as the first one is."""
        page = self.context.new_page()
        page.set_default_timeout(10_000)
        page.on("dialog", self._dialog)
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        page.on("console", self._console)
        page.on("request", self._request)
        return page

    def _dialog(self, dialog: Any) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console: {message.text}")

    def _request(self, request: Any) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.service.url).netloc:
            self.faults.append(f"request: {request.url[:200]}")

    def found_faults(self) -> list[str]:
        """What went wrong, but for what the test caused itself."""
        return [each for each in self.faults if not any(e in each for e in self.expected)]

    def leave(self) -> None:
        """Close the window, once its pages have come to rest.

        While a page commits a navigation Chromium may forget that it was asked to close, and
        Playwright waits for ever (crbug.com/536385539): a test may end with a form just sent.
        """
        for page in self.context.pages:
            come_to_rest(page)
        self.context.close()

    def go(self, path: str) -> None:
        """Open a page of the service."""
        self.page.goto(f"{self.service.url}{path}")

    def stays_deaf(self, path: str) -> None:
        """The page hears nothing of its stream: who is quick may decide before it does."""
        self.page.route(f"**{path}", lambda route: route.fulfill(status=204))

    def tab_to(self, selector: str, most: int = 60) -> None:
        """Press Tab until that has the focus, and shows it."""
        target = self.page.locator(selector)
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if self.page.locator(f"{selector}:focus").count():
                break
        expect(target).to_be_focused()
        expect(target).to_have_css("outline-style", "solid")

    def sign_in(self, person: str | None = None, deployment: str | None = None) -> None:
        """By typing a new token into the form."""
        _, secret = create_token(self.service.ports, "desk", deployment, person=person)
        self.go("/inbox")
        self.page.get_by_label("Your API token").fill(secret)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Waiting")).to_be_visible()

    def has_no_sideways_scrolling(self) -> bool:
        """Whether the page is no wider than the window."""
        wide: bool = self.page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
        return not wide

    @contextmanager
    def _where_scripts_run(self) -> Iterator[Page]:
        """The page; where no scripts run, its HTML in a window like it: axe is one itself."""
        browser = self.context.browser
        if self.javascript or browser is None:
            yield self.page
            return
        is_dark = self.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        context = browser.new_context(
            viewport=self.page.viewport_size, color_scheme="dark" if is_dark else "light"
        )
        page = context.new_page()
        page.set_content(self.page.content())
        yield page
        context.close()

    def findings(self) -> list[str]:
        """What axe finds wrong with the page as it stands."""
        with self._where_scripts_run() as page:
            found = Axe().run(page)
        return [
            f"{each['id']}: {each['help']}: {[node['html'][:200] for node in each['nodes']]}"
            for each in found.response["violations"]
        ]


def looked_at(sitting: Sitting) -> list[str]:
    """What is wrong with a page as it looks."""
    wide = [] if sitting.has_no_sideways_scrolling() else ["wider than the window"]
    return wide + sitting.findings()


class Reviews:
    """Makes reviews wait, and says what became of them."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def wait(self, deployment: str, text: object) -> str:
        """Have something reviewed; returns the review's id."""
        told = self.service.call("POST", f"/crews/{deployment}/kickoff", {"inputs": {"text": text}})
        assert told.ok, told.text
        execution_id = told.json()["kickoff_id"]
        return self.service.until(lambda: self.of(execution_id))

    def given_up(self, deployment: str) -> str:
        """The id of an endpoint that was switched off for a while: a notice was given up there."""
        url = f"http://nowhere.invalid/{'hook' * 60}"
        body = {"inputs": {"text": "x"}, "humanInputWebhookUrl": url}
        assert self.service.call("POST", f"/crews/{deployment}/kickoff", body).ok
        (endpoint,) = self.service.until(lambda: self._listed("endpoints"))
        path = f"/v1/endpoints/{endpoint['endpoint_id']}"
        assert self.service.call("POST", f"{path}/disable").ok
        self.service.until(lambda: self._listed("deliveries?state=CANCELLED"))
        assert self.service.call("POST", f"{path}/enable").ok
        return str(endpoint["endpoint_id"])

    def _listed(self, what: str) -> list[dict[str, Any]]:
        told = self.service.call("GET", f"/v1/{what}").json()
        found: list[dict[str, Any]] = told[what.partition("?")[0]]
        return found

    def stop_all(self) -> None:
        """Nothing waits any more."""
        for each in self.service.call("GET", "/v1/reviews").json()["reviews"]:
            self.service.client.stop(each["deployment"], each["execution_id"])

    def answer(self, review_id: str, **said: Any) -> None:
        """Ben is faster."""
        told = self.service.call(
            "POST", f"/v1/reviews/{review_id}/answer", {"reviewer": "ben@example.com", **said}
        )
        assert told.ok, told.text

    def expire(self, review_id: str) -> None:
        """The time for an answer is over, and the sweep has been there."""
        gone = update(reviews).where(reviews.c.id == review_id)
        self.service.write(gone.values(expires_at=LONG_AGO))
        assert self.decided(review_id)["state"] == "EXPIRED"

    def link(self, review_id: str, who: str = "ann@example.com") -> str:
        """The path of the page that a person's mail links to."""
        return links_of(self.service.ports, review_id)[who]

    def end_sessions(self) -> None:
        """The night goes by: nobody has used a session for an hour."""
        self.service.write(update(sessions).values(seen_at=LONG_AGO))

    def of(self, execution_id: str) -> str | None:
        """The open review of an execution."""
        found = self.service.ports.store.read(lambda tx: tx.reviews.of(execution_id))
        return next((each.id for each in found if each.is_open), None)

    def now(self, review_id: str) -> dict[str, Any]:
        """A review as the API tells it."""
        found: dict[str, Any] = self.service.call("GET", f"/v1/reviews/{review_id}").json()
        return found

    def decided(self, review_id: str) -> dict[str, Any]:
        """The same once it has its decision."""
        return self.service.until(
            lambda: found if (found := self.now(review_id))["state"] != "PENDING" else None
        )


Sit = Callable[..., Sitting]

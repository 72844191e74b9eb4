"""Signing in to the inbox with a token: cookies, sessions and their ends, forms of elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import structlog
from browser import Browser
from fastapi.testclient import TestClient
from post import TurnedClock
from structlog.testing import capture_logs

from orchestrator.api import create_app
from orchestrator.domain.session import IDLE, LONGEST, Session
from orchestrator.domain.token import hash_of
from orchestrator.usecases.access.tokens import revoke_token

if TYPE_CHECKING:
    from conftest import Service

AT = datetime.fromisoformat("2026-11-22T12:00:00+00:00")


@pytest.fixture
def browser(service: Service) -> Browser:
    return Browser(service)


def test_who_is_not_signed_in_is_asked_to_and_led_back(browser: Browser) -> None:
    for path in ("/inbox", "/inbox/done", f"/inbox/reviews/{'0' * 36}"):
        browser.client.cookies.clear()
        told = browser.get(path)
        assert told.status_code == 303
        assert told.headers["Location"].startswith("/inbox/sign-in?next=%2Finbox")
        assert f'name="next" value="{path}"' in browser.text(told.headers["Location"])
        assert browser.use(browser.service.secret, next=path).headers["Location"] == path


def test_a_sign_in_leads_nowhere_else(browser: Browser) -> None:
    for elsewhere in ("https://x.example", "//x.example", "/inbox/../x", "/inbox\n", "/v1/x"):
        told = browser.use(browser.service.secret, next=elsewhere)
        assert told.headers["Location"] == "/inbox"


def test_what_is_no_token_signs_nobody_in(browser: Browser) -> None:
    for token in ("", "wrong", "\0", "é", "<script>"):
        told = browser.send("/inbox/sign-in", token=token, next="<script>")
        assert told.status_code == 401
        assert "set-cookie" not in told.headers
        assert "<script" not in told.text
    assert browser.get("/inbox").status_code == 303


def test_a_cookie_is_for_this_host_and_no_script(browser: Browser) -> None:
    told = browser.sign_in()
    cookie = told.headers["set-cookie"]
    assert cookie.startswith("inbox=")
    assert cookie.endswith("; HttpOnly; Path=/; SameSite=lax")
    assert len(browser.client.cookies["inbox"]) >= 43
    policy = told.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert told.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("base_url", "public_url"),
    [("https://testserver", None), ("http://testserver", "https://crews.example")],
)
def test_over_tls_the_cookie_says_so(
    serve: Callable[..., Service], base_url: str, public_url: str | None
) -> None:
    browser = Browser(serve(public_url=public_url), base_url)
    told = browser.send("/inbox/sign-in", token=browser.service.secret)
    cookie = told.headers["set-cookie"]
    assert cookie.startswith("__Host-inbox=")
    assert cookie.endswith("; HttpOnly; Path=/; SameSite=lax; Secure")
    plain = cookie.split(";")[0].removeprefix("__Host-")
    assert browser.get("/inbox", headers={"Cookie": plain}).status_code == 303


def test_signing_in_again_is_another_session_and_the_one_before_has_ended(
    browser: Browser,
) -> None:
    browser.sign_in()
    before = browser.client.cookies["inbox"]
    browser.sign_in()
    assert browser.client.cookies["inbox"] != before
    other = Browser(browser.service)
    other.client.cookies.set("inbox", before)
    assert other.get("/inbox").status_code == 303


def test_signing_out_ends_the_session_for_good(browser: Browser) -> None:
    browser.sign_in()
    kept = browser.client.cookies["inbox"]
    told = browser.send("/inbox/sign-out")
    assert (told.status_code, told.headers["Location"]) == (303, "/inbox/sign-in")
    assert "inbox" not in browser.client.cookies
    browser.client.cookies.set("inbox", kept)
    assert browser.get("/inbox").status_code == 303


def test_a_revoked_token_ends_its_sessions(browser: Browser) -> None:
    browser.sign_in()
    revoke_token(browser.service.ports, browser.token_id)
    assert browser.get("/inbox").status_code == 303
    told = browser.send("/inbox/reviews/00000000-0000-0000-0000-000000000000", feedback="kept")
    assert told.status_code == 401
    assert "kept" in told.text


@pytest.mark.parametrize(
    ("seen", "now", "live"),
    [
        (timedelta(), IDLE - timedelta(seconds=1), True),
        (timedelta(), IDLE, False),
        (LONGEST - timedelta(minutes=1), LONGEST - timedelta(seconds=1), True),
        (LONGEST - timedelta(minutes=1), LONGEST, False),
    ],
)
def test_a_session_ends_by_itself(seen: timedelta, now: timedelta, *, live: bool) -> None:
    session = replace(Session.begin("h", "t", AT), seen_at=AT + seen)
    assert session.is_live(AT + now) is live


def test_a_session_that_is_used_goes_on(serve: Callable[..., Service], clock: TurnedClock) -> None:
    browser = Browser(serve(clock=clock))
    browser.sign_in()
    first = hash_of(browser.client.cookies["inbox"])
    for _ in range(3):
        clock.at += IDLE - timedelta(seconds=1)
        assert browser.get("/inbox").status_code == 200
    clock.at += IDLE
    assert browser.get("/inbox").status_code == 303
    clock.at += LONGEST
    browser.client.cookies.clear()
    browser.sign_in()
    assert browser.service.ports.store.read(lambda tx: tx.sessions.by_hash(first)) is None


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


def test_a_form_of_elsewhere_signs_nobody_in(browser: Browser) -> None:
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://testserver"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ):
        told = browser.send("/inbox/sign-in", headers, token=browser.service.secret)
        assert told.status_code == 403
        assert "set-cookie" not in told.headers


def test_a_form_of_ours_does(browser: Browser) -> None:
    ours: list[dict[str, str]] = [
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Origin": "http://testserver"},
        {},
    ]
    for headers in ours:
        told = browser.send("/inbox/sign-in", headers, token=browser.service.secret)
        assert told.status_code == 303


def test_behind_a_proxy_the_public_origin_is_ours(serve: Callable[..., Service]) -> None:
    browser = Browser(serve(public_url="https://crews.example"))
    own = {"Origin": "https://crews.example"}
    assert browser.send("/inbox/sign-in", own, token="x").status_code == 401


def test_no_log_has_a_secret(browser: Browser) -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        browser.use(browser.service.secret)
        secret, csrf = browser.client.cookies["inbox"], browser.csrf
        browser.text("/inbox?text=looked-for")
        browser.send("/inbox/sign-out")
    assert lines
    assert not [each for each in (browser.service.secret, secret, csrf) if each in str(lines)]


def test_the_database_has_no_secret_of_a_session(browser: Browser) -> None:
    browser.sign_in()
    secret = browser.client.cookies["inbox"]
    sessions = browser.service.ports.store.read(lambda tx: tx.sessions.by_hash(secret))
    assert sessions is None


def test_a_cookie_is_no_right_to_the_calls(browser: Browser) -> None:
    browser.sign_in()
    assert browser.get("/v1/reviews").status_code == 401


def test_what_no_socket_serves_has_no_pages(service: Service) -> None:
    app = create_app(service.ports, max_request_bytes=1000, operator="operator")
    assert TestClient(app).get("/inbox", follow_redirects=False).status_code == 404

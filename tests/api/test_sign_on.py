"""Signing in with OpenID Connect, with a real provider in a process of its own."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from browser import Browser
from issuer import issuing
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey
from policies import ANN, BEN
from processes import free_port
from pytest_httpserver import HTTPServer
from structlog.testing import capture_logs

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.adapters.openid_connect import Client, OpenIdConnect
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.permission import Grants, Permission
from orchestrator.errors import Transient, Unauthorized
from orchestrator.ports import Attempt

if TYPE_CHECKING:
    from conftest import Service

SITE = "http://testserver"
BACK = "/inbox/sign-in/with/back"
USERS = [
    {"sub": "ann", "email": "Ann@Example.com", "email_verified": True},
    {"sub": "eve", "email": BEN, "email_verified": False},
    {"sub": "nobody"},
]


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A provider of OpenID Connect with these users."""
    with issuing(USERS) as url:
        yield url


def client(issuer: str, **more: Any) -> OpenIdConnect:
    return OpenIdConnect(Client(issuer, "crews", "a secret", **more), "Example Inc.")


@pytest.fixture
def browser(serve: Callable[..., Service], issuer: str) -> Browser:
    grants = Grants({ANN: Permission.VIEW, BEN: Permission.MANAGE})
    crew = Deployment("news", RunnerKind.FUNCTIONS, "api_test_crews:article", grants=grants)
    served = serve(DeploymentFile({"news": crew}, "news"), public_url=SITE)
    served.ports = replace(served.ports, sign_on=client(issuer))
    served.clients[0].app.state.ports = served.ports  # type: ignore[attr-defined]
    served.load()
    return Browser(served)


def go(browser: Browser, wanted: str = "") -> str:
    """Where the button leads."""
    told = browser.send(f"/inbox/sign-in/with?next={wanted}")
    assert told.status_code == 200, told.text
    (link,) = re.findall(r'href="([^"]*)"', told.text)
    return unescape(link)


def at_the_issuer(url: str, sub: str) -> str:
    """Sign in there; returns the path to which the browser is led back."""
    told = requests.post(url, data={"sub": sub}, allow_redirects=False, timeout=10)
    back = told.headers["Location"]
    assert back.startswith(f"{SITE}{BACK}?"), back
    return back.removeprefix(SITE)


def test_the_issuer_says_who_it_is(browser: Browser) -> None:
    browser.service.halted("news")
    assert "Sign in with Example Inc." in browser.text("/inbox/sign-in")
    told = browser.get(at_the_issuer(go(browser, "/inbox/done"), "ann"))
    assert (told.status_code, told.headers["Location"]) == (303, "/inbox/done")
    assert ANN in browser.text("/inbox")
    assert browser.text("/inbox?whose=all").count("</a> of news") == 1
    assert "sign-on" not in browser.client.cookies


def test_a_page_leads_to_the_issuer(browser: Browser) -> None:
    """No redirect of the form does: the policy of pages keeps forms here, and Chromium asks it."""
    told = browser.send("/inbox/sign-in/with")
    assert (told.status_code, "Location" in told.headers) == (200, False)
    (link,) = re.findall(r'href="([^"]*)"', told.text)
    assert f'http-equiv="refresh" content="0;url={link}"' in told.text


def test_a_way_back_counts_once_and_in_its_browser(browser: Browser) -> None:
    back = at_the_issuer(go(browser), "ann")
    other = Browser(browser.service)
    assert other.get(back).status_code == 401
    go(other)
    assert other.get(back).status_code == 401
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 401


@pytest.mark.parametrize(
    ("sub", "says"), [("eve", "has not verified"), ("nobody", "says no mail address")]
)
def test_an_address_that_is_not_proven_signs_nobody_in(
    browser: Browser, sub: str, says: str
) -> None:
    told = browser.get(at_the_issuer(go(browser), sub))
    assert told.status_code == 401
    assert says in told.text
    assert browser.get("/inbox").status_code == 303


def test_an_operator_may_trust_addresses(issuer: str) -> None:
    trusting = client(issuer, trusts_addresses=True)
    back = f"{SITE}{BACK}"
    attempt = trusting.begin(back)
    code = at_the_issuer(attempt.url, "eve").partition("code=")[2].partition("&")[0]
    assert trusting.finish(back, code, attempt) == BEN


def test_what_was_begun_otherwise_is_refused(issuer: str) -> None:
    one, back = client(issuer), f"{SITE}{BACK}"
    attempt = one.begin(back)
    code = at_the_issuer(attempt.url, "ann").partition("code=")[2].partition("&")[0]
    with pytest.raises(Unauthorized):
        one.finish(back, code, replace(attempt, nonce="another"))


def test_a_form_of_elsewhere_begins_nothing(browser: Browser) -> None:
    told = browser.send("/inbox/sign-in/with", {"Sec-Fetch-Site": "cross-site"})
    assert told.status_code == 403
    assert "set-cookie" not in told.headers


@pytest.mark.parametrize(
    "cookie",
    [
        *("", "no hex", "7b7d", "5b315d", b'["a","b","c"]'.hex()),
        *(rb'["\ud800","b","c","d"]'.hex(), (b"[" * 9_000).hex()),
    ],
    ids=len,
)
def test_a_cookie_that_is_not_ours_is_no_way(browser: Browser, cookie: str) -> None:
    told = browser.get(f"{BACK}?code=x&state=a", headers={"Cookie": f"sign-on={cookie}"})
    assert told.status_code == 401


def test_no_secret_stands_in_the_log(browser: Browser) -> None:
    with capture_logs() as logs:
        back = at_the_issuer(go(browser), "ann")
        browser.get(back)
    code = back.partition("code=")[2].partition("&")[0]
    assert code not in str(logs)
    assert "a secret" not in str(logs)


def test_where_there_is_none_nobody_is_led_there(serve: Callable[..., Service]) -> None:
    browser = Browser(serve())
    assert browser.send("/inbox/sign-in/with").status_code == 404
    assert "Sign in with" not in browser.text("/inbox/sign-in")


# An issuer that lies, or whose tokens others made

KEY = RSAKey.generate_key(2048, parameters={"kid": "1"}, auto_kid=False)
PUBLISHED = KeySet([KEY]).as_dict(private=False)
OTHERS = RSAKey.generate_key(2048, parameters={"kid": "1"}, auto_kid=False)


def lying(server: HTTPServer, token: str, published: Any = None, **about: str) -> OpenIdConnect:
    url = server.url_for("").rstrip("/")
    said = {
        "issuer": url,
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "jwks_uri": f"{url}/keys",
        **about,
    }
    server.expect_request("/.well-known/openid-configuration").respond_with_json(said)
    keys = PUBLISHED if published is None else published
    server.expect_request("/keys").respond_with_json(keys)
    answer = {"access_token": "x", "token_type": "Bearer", "id_token": token}
    server.expect_request("/token").respond_with_json(answer)
    return client(url)


def claims(server: HTTPServer, **other: Any) -> dict[str, Any]:
    now = int(time.time())
    usual = {
        "iss": server.url_for("").rstrip("/"),
        "aud": "crews",
        "sub": "ann",
        "email": ANN,
        "email_verified": True,
        "nonce": "n",
        "iat": now,
        "exp": now + 300,
    }
    return {name: value for name, value in {**usual, **other}.items() if value is not None}


ATTEMPT = Attempt("", "s", "n", "v" * 43)


def test_a_token_as_it_should_be_is_taken(httpserver: HTTPServer) -> None:
    token = jwt.encode({"alg": "RS256", "kid": "1"}, claims(httpserver), KEY)
    assert lying(httpserver, token).finish(f"{SITE}{BACK}", "code", ATTEMPT) == ANN


@pytest.mark.parametrize(
    "other",
    [
        {"kty": "EC", "crv": "BP-256", "kid": "2", "x": "AA", "y": "AA"},
        {"kty": "RSA", "kid": "2", "n": "AA", "e": "AA"},
        {"kty": "of-tomorrow", "kid": "2"},
        {"kid": "2"},
        "no key",
    ],
)
def test_a_key_that_nobody_here_knows_keeps_nobody_out(httpserver: HTTPServer, other: Any) -> None:
    token = jwt.encode({"alg": "RS256", "kid": "1"}, claims(httpserver), KEY)
    published = {"keys": [other, *PUBLISHED["keys"]]}
    assert lying(httpserver, token, published).finish(f"{SITE}{BACK}", "code", ATTEMPT) == ANN


def test_the_code_is_of_use_to_whoever_began_alone(httpserver: HTTPServer) -> None:
    """By PKCE, which the other provider of these tests does not check."""
    attempt = lying(httpserver, "").begin(f"{SITE}{BACK}")
    asked = parse_qs(urlsplit(attempt.url).query)
    digest = hashlib.sha256(attempt.verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert (asked["code_challenge"], asked["code_challenge_method"]) == ([challenge], ["S256"])
    token = jwt.encode({"alg": "RS256", "kid": "1"}, claims(httpserver, nonce=attempt.nonce), KEY)
    httpserver.clear()
    one = lying(httpserver, token)
    assert one.finish(f"{SITE}{BACK}", "the code", attempt) == ANN
    sent = next(request for request, _ in httpserver.log if request.path == "/token")
    assert sent.form["code"] == "the code"
    assert sent.form["code_verifier"] == attempt.verifier
    assert sent.authorization is not None
    assert (sent.authorization.username, sent.authorization.password) == ("crews", "a secret")


@pytest.mark.parametrize(
    "other",
    [
        {"iss": "http://elsewhere.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"nonce": "another"},
        {"nonce": None},
        {"azp": "another"},
    ],
)
def test_a_token_for_others_is_refused(httpserver: HTTPServer, other: dict[str, Any]) -> None:
    token = jwt.encode({"alg": "RS256", "kid": "1"}, claims(httpserver, **other), KEY)
    with pytest.raises(Unauthorized):
        lying(httpserver, token).finish(f"{SITE}{BACK}", "code", ATTEMPT)


def test_a_signature_of_others_is_refused(httpserver: HTTPServer) -> None:
    said = claims(httpserver)
    head = {"alg": "RS256", "kid": "1"}
    forged = jwt.encode(head, said, OTHERS)
    shared = jwt.encode(
        {"alg": "HS256", "kid": "1"}, said, OctKey.import_key("a secret" * 8), algorithms=["HS256"]
    )
    unsigned = ".".join([*jwt.encode(head, said, KEY).split(".")[:2], ""])
    for token in (forged, shared, unsigned, "", "x.y.z"):
        httpserver.clear()
        with pytest.raises(Unauthorized):
            lying(httpserver, token).finish(f"{SITE}{BACK}", "code", ATTEMPT)


@pytest.mark.parametrize("said", [{}, {"keys": None}, {"keys": []}, [], "keys"])
def test_an_issuer_without_keys_signs_nobody_in(httpserver: HTTPServer, said: object) -> None:
    token = jwt.encode({"alg": "RS256", "kid": "1"}, claims(httpserver), KEY)
    with pytest.raises((Unauthorized, Transient)):
        lying(httpserver, token, said).finish(f"{SITE}{BACK}", "code", ATTEMPT)


@pytest.mark.parametrize("token", [None, 7, ["a"], {}])
def test_a_token_that_is_no_text_is_refused(httpserver: HTTPServer, token: Any) -> None:
    with pytest.raises(Unauthorized):
        lying(httpserver, token).finish(f"{SITE}{BACK}", "code", ATTEMPT)


def test_an_issuer_that_is_another_is_named_on_the_page(
    browser: Browser, httpserver: HTTPServer
) -> None:
    """Whoever set it up wrongly reads what is wrong, and not that nobody is signed in."""
    other = lying(httpserver, "", issuer="http://elsewhere.example")
    browser.service.client.app.state.ports = replace(browser.service.ports, sign_on=other)  # type: ignore[attr-defined]
    told = browser.send("/inbox/sign-in/with")
    assert (told.status_code, "check the issuer" in told.text) == (401, True)


def test_an_issuer_that_is_another_or_away(httpserver: HTTPServer) -> None:
    with pytest.raises(Unauthorized, match="another one"):
        lying(httpserver, "", issuer="http://elsewhere.example").begin(f"{SITE}{BACK}")
    with pytest.raises(Transient):
        client(f"http://127.0.0.1:{free_port()}").begin(f"{SITE}{BACK}")

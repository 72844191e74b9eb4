"""Scripts of the inbox: of our own, and no other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from browser import Browser

if TYPE_CHECKING:
    from conftest import Service


def test_scripts_are_files_under_names_that_are_kept_for_ever(service: Service) -> None:
    browser = Browser(service)
    browser.sign_in()
    told = browser.get("/inbox")
    scripts = re.findall(r"<script[^>]*>", told.text)
    names = [
        re.fullmatch(r'<script src="(/inbox/assets/[a-z]+\.[0-9a-f]{16}\.js)" defer>', each)
        for each in scripts
    ]
    assert len(names) == 2
    for name in names:
        assert name is not None
        script = service.client.get(name[1])
        assert script.headers["Content-Type"].startswith("text/javascript")
        assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "eval" not in script.text or name[1].startswith("/inbox/assets/htmx")
    other = service.client.get("/inbox/assets/inbox.0000000000000000.js")
    assert (other.status_code, other.headers["Cache-Control"]) == (404, "no-store")


def test_a_page_lets_nothing_run_that_is_not_such_a_file(service: Service) -> None:
    browser = Browser(service)
    browser.sign_in()
    told = browser.get("/inbox")
    policy = dict(
        each.split(" ", 1) for each in told.headers["Content-Security-Policy"].split("; ")
    )
    assert policy.pop("style-src").startswith("'sha256-")
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert not re.search(r"\son\w+=|\sstyle=|hx-on|hx-vals|<script(?! src)", told.text)
    assert '"allowEval":false' in told.text

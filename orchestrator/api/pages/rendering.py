"""Templates, and the headers without which no page of a person goes out."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from orchestrator.api.pages.assets import asset
from orchestrator.domain.canonical import storable

_STYLE = files(__package__).joinpath("style.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_environment = Environment(
    loader=PackageLoader(__package__),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals["asset"] = asset

_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
"""No script and nothing from elsewhere; the address, which is a right, goes nowhere."""


HEADERS_OF_FORMS = {
    **HEADERS,
    "Content-Security-Policy": f"{_POLICY}; script-src 'self'; connect-src 'self'",
    "Referrer-Policy": "same-origin",
}
"""Where the address is no right: without a referrer, browsers hide a form's origin as well.

Scripts are files of our own, never a part of a page.
"""


def page(
    template: str,
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] = HEADERS,
    **shown: Any,
) -> HTMLResponse:
    """Render a page."""
    html = fragment(template, style=Markup(_STYLE), **shown)  # noqa: S704 - our own file
    return HTMLResponse(html, status, headers)


def fragment(template: str, **shown: Any) -> str:
    """A part of a page; what has no form in UTF-8 is replaced."""
    return storable(_environment.get_template(template).render(**shown))


def message(title: str, text: str, status: int = HTTPStatus.OK, written: str = "") -> HTMLResponse:
    """A page that says one thing, and gives back what the person had written."""
    return page("message.html", status, title=title, message=text, written=written)

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

_STYLE = files(__package__).joinpath("style.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_environment = Environment(
    loader=PackageLoader(__package__),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
"""No script and nothing from elsewhere; the address, which is a right, goes nowhere."""


HEADERS_OF_FORMS = {**HEADERS, "Referrer-Policy": "same-origin"}
"""Where the address is no right: without a referrer, browsers hide a form's origin as well."""


def page(
    template: str,
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] = HEADERS,
    **shown: Any,
) -> HTMLResponse:
    """Render a page."""
    html = _environment.get_template(template).render(
        style=Markup(_STYLE),  # noqa: S704 - our own file
        **shown,
    )
    return HTMLResponse(html, status, headers)


def message(title: str, text: str, status: int = HTTPStatus.OK, written: str = "") -> HTMLResponse:
    """A page that says one thing, and gives back what the person had written."""
    return page("message.html", status, title=title, message=text, written=written)

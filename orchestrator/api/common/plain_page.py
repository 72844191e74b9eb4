"""A page without anything around it: for browsers, where no page of the inbox can be made."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from http import HTTPStatus
from types import MappingProxyType

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse
from starlette.types import Scope

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto }}
</style>
<h1>{title}</h1>
{body}
</html>
"""

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Vary": "Accept, Authorization",
}

NO_MORE: Mapping[str, str] = MappingProxyType({})


def is_for_browser(scope: Scope) -> bool:
    """Whether who asks shows pages to a person: only programs bring a token in a header.

    What a browser brings there is for a proxy.
    """
    headers = Headers(scope=scope)
    brings_token = headers.get("authorization", "").lower().startswith("bearer")
    return not brings_token and "text/html" in headers.get("accept", "")


def plain_page(
    title: str, body: str, status: int = HTTPStatus.OK, more: Mapping[str, str] = NO_MORE
) -> HTMLResponse:
    """Such a page; ``body`` is HTML, ``more`` are headers besides."""
    html = _PAGE.format(title=escape(title), body=body)
    return HTMLResponse(html, status, {**_HEADERS, **more})

"""What stands around each page of somebody who is signed in."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from orchestrator.api.pages.rendering import HEADERS_OF_FORMS, page
from orchestrator.api.pages.signed_in import SignedIn
from orchestrator.ports import Ports


def framed(
    template: str,
    ports: Ports,
    signed: SignedIn,
    **shown: Any,
) -> Response:
    """Render a page with its frame: who it is, the key of its forms, what they may narrow it to."""
    visible = signed.visitor.scope
    names = [name for name in ports.deployments.names() if name in visible]
    frame = {
        "who": signed.name,
        "csrf": signed.csrf,
        "manages": signed.manages,
        "deployments": names,
    }
    return page(template, HTTPStatus.OK, HEADERS_OF_FORMS, **frame, **shown)

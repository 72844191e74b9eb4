"""Routes that answer a browser: what fails is told on a page, who is not signed in is asked to."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse, Response

from orchestrator.api.common.errors import meaning_of
from orchestrator.api.pages.rendering import HEADERS_OF_FORMS, page
from orchestrator.errors import OrchestratorError, Unauthorized
from orchestrator.wire.paths import INBOX, SIGN_IN


class PageRoute(APIRoute):
    """A route of the inbox."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler, and all that it depends on."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except Unauthorized:
                return sign_in_first(request)
            except RequestValidationError:
                text = "A part of the address is not of the form that it has to have."
                return told("Not understood", text, HTTPStatus.UNPROCESSABLE_ENTITY)
            except OrchestratorError as error:
                meaning = meaning_of(error)
                if meaning is None:
                    raise
                return told(meaning.status.phrase, error.message, meaning.status)

        return answer


def sign_in_first(request: Request, written: str = "") -> Response:
    """Lead to the sign-in and from there back; a form that was sent is not sent again by itself."""
    if request.method == "GET":
        back = urlencode({"next": request.url.path})
        return see_other(f"{SIGN_IN}?{back}")
    text = "You are not signed in, or not any more. Nothing was done."
    return told("Sign in first", text, HTTPStatus.UNAUTHORIZED, written)


def told(title: str, text: str, status: int = HTTPStatus.OK, written: str = "") -> Response:
    """A page that says one thing, and gives back what the person had written."""
    shown = {"title": title, "message": text, "written": written, "home": INBOX}
    return page("message.html", status, HEADERS_OF_FORMS, **shown)


def see_other(path: str) -> Response:
    """Lead a browser on; ``path`` is one of ours."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER, HEADERS_OF_FORMS)

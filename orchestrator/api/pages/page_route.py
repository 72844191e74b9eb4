"""Routes that answer a browser: what fails is told on a page, who is not signed in is asked to."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse, Response

from orchestrator.api.common.errors import meaning_of
from orchestrator.api.common.request_body import read_body
from orchestrator.api.pages.answer_form import fields_of, said_in
from orchestrator.api.pages.rendering import HEADERS_OF_FORMS, message, page
from orchestrator.errors import Invalid, NotEntitled, OrchestratorError, TooLarge, Unauthorized
from orchestrator.wire.paths import INBOX, SIGN_IN


def told(title: str, text: str, status: int = HTTPStatus.OK, written: str = "") -> Response:
    """A page that says one thing, and gives back what the person had written."""
    shown = {"title": title, "message": text, "written": written, "home": INBOX}
    return page("message.html", status, HEADERS_OF_FORMS, **shown)


class PageRoute(APIRoute):
    """A route of the inbox. ``tell`` makes the page that tells what failed."""

    tell = staticmethod(told)

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
                return self.tell("Not understood", text, HTTPStatus.UNPROCESSABLE_ENTITY)
            except OrchestratorError as error:
                meaning = meaning_of(error)
                if meaning is None:
                    raise
                written = await _written(request, error)
                return self.tell(meaning.status.phrase, error.message, meaning.status, written)

        return answer


class LinkRoute(PageRoute):
    """A route that mails link to: its address is a right, and who follows it has no inbox."""

    tell = staticmethod(message)


async def _written(request: Request, error: OrchestratorError) -> str:
    """What a form says in a person's words; a form of a page of elsewhere has none of theirs."""
    if request.method != "POST" or isinstance(error, NotEntitled | TooLarge):
        return ""
    with suppress(Invalid, TooLarge):
        return said_in(fields_of(await read_body(request))).written
    return ""


def sign_in_first(request: Request, written: str = "") -> Response:
    """Lead to the sign-in and from there back; a form that was sent is not sent again by itself."""
    if request.method == "GET":
        back = urlencode({"next": request.url.path})
        return see_other(f"{SIGN_IN}?{back}")
    text = "You are not signed in, or not any more. Nothing was done."
    return told("Sign in first", text, HTTPStatus.UNAUTHORIZED, written)


def see_other(path: str) -> Response:
    """Lead a browser on; ``path`` is one of ours."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER, HEADERS_OF_FORMS)

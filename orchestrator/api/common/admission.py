"""How many requests are worked on at a time, and how many wait: the rest is refused at once."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api.common.errors import told_outside
from orchestrator.api.common.request_log import PROBES
from orchestrator.errors import Overloaded

AT_WORK = 12
"""Fewer than the threads and the connections to the database that there are: nobody who was let in
waits for those, and probes and the feed find some left."""


class AdmissionMiddleware:
    """Lets requests in one after the other. Probes pass by.

    A request has its place while it is worked on: not while its client is still sending, and no
    longer once its response begins. So neither slow clients nor listeners to events hold one.
    """

    def __init__(self, app: ASGIApp, most_waiting: int, at_work: int = AT_WORK) -> None:
        self._app = app
        self._places = asyncio.Semaphore(at_work)
        self._most_waiting = most_waiting
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on when there is a place, or refuse it."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        if self._places.locked() and self._waiting >= self._most_waiting:
            await told_outside(scope, Overloaded())(scope, receive, send)
            return
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        place = _Place(self._places)
        try:
            await self._app(scope, place.receiving(receive), place.sending(send))
        finally:
            place.leave()


class _Place:
    """The place of one request, which has it at first."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places
        self._is_held = True

    def leave(self) -> None:
        if self._is_held:
            self._is_held = False
            self._places.release()

    def receiving(self, receive: Receive) -> Receive:
        """Leave the place while the client has yet to send, and take one again."""

        async def receive_outside() -> Message:
            if not self._is_held:
                return await receive()
            receiving = asyncio.ensure_future(receive())
            try:
                await asyncio.sleep(0)  # what is here already comes in this one step
                if receiving.done():
                    return receiving.result()
                self.leave()
                message = await receiving
                await self._places.acquire()
                self._is_held = True
                return message
            finally:
                receiving.cancel()

        return receive_outside

    def sending(self, send: Send) -> Send:
        """Leave the place for good when the response begins."""

        async def send_outside(message: Message) -> None:
            self.leave()
            await send(message)

        return send_outside

"""Uvicorn, which rests while nothing happens."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType

import uvicorn

TICK = 1.0
"""Seconds between two looks at the time, for the Date of responses: uvicorn's own are 0.1."""


def serve(
    config: uvicorn.Config,
    end: Callable[[], None] = lambda: None,
    sockets: Sequence[socket.socket] = (),
) -> None:
    """Serve until a signal; ``end`` then ends what would not end by itself.

    On these sockets, or on the address in ``config``. Raises SystemExit where it could not begin.
    """
    with suppress(KeyboardInterrupt):
        _Server(config, end).run(list(sockets) or None)


class _Server(uvicorn.Server):
    """Is woken by a signal, where uvicorn's own looks ten times a second whether one came."""

    def __init__(self, config: uvicorn.Config, end: Callable[[], None]) -> None:
        super().__init__(config)
        self._end = end
        self._told_to_end = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told_to_end.wait(), TICK)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end)
            self._loop.call_soon_threadsafe(self._told_to_end.set)

"""Kombu's transport over Redis, made cheaper: a kept client, and long waits for the next job.

Kombu makes a client for every command, and each builds a table of what all of Redis' commands
answer: that took longer than to publish a job. And it asks each second whether a job came, but
never sees that the other end is gone.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import structlog
from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as Silence

_HERE = f"{__name__}:Transport"

LONGEST_WAIT = 10
"""Seconds that a consumer waits for a job before it asks again."""

OVERDUE = 10.0
"""Seconds after the end of its wait by which a consumer has to have heard of that."""


log = structlog.get_logger(__name__)


class Unacknowledged(redis.QoS):  # type: ignore[misc]  # kombu has no types
    """Delivers what was taken from a queue, also where Redis cannot note that it is under way.

    It is nowhere else by then, and Redis may have no memory left, or have been demoted.
    """

    def append(self, message: Any, delivery_tag: str) -> None:
        """Note that a message is under way."""
        try:
            super().append(message, delivery_tag)
        except (RedisError, OSError) as error:
            log.warning("message is delivered, and not kept until it is taken", error=str(error))
            virtual.QoS.append(self, message, delivery_tag)


class Channel(redis.Channel):  # type: ignore[misc]  # kombu has no types
    """Makes one client for its pool of connections, and a new one after that was given up.

    What waits for jobs is known to Redis by an id, so that it can be woken: kombu closes a channel
    only after the wait has ended, since a job may come of it.
    """

    QoS = Unacknowledged
    _kept: Any = None
    _waiting: tuple[Any, int | None] = (None, None)
    _in_poll: Any = None
    _hears_by = float("inf")

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - kombu's
        if asynchronous:  # what consumes holds a connection of its own, and is kept by kombu
            return super()._create_client(asynchronous=True)
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()
        return self._kept

    def _brpop_start(self, timeout: float | None = None) -> None:
        can_be_woken = self._id_of_wait() is not None
        super()._brpop_start(timeout or (LONGEST_WAIT if can_be_woken else None))
        self._hears_by = time.monotonic() + LONGEST_WAIT + OVERDUE

    def require_answer(self) -> None:
        """Raise Silence where a wait has not ended, and leave the connection that it was on.

        A failover behind an address leaves such connections: nobody closes them, and no job comes
        over them any more. What has come, and was not read yet, is an answer.
        """
        if time.monotonic() >= self._hears_by and self._leaves_silence():
            raise Silence("the broker does not end a wait for jobs")

    def _leaves_silence(self) -> bool:
        waiting = self._in_poll
        if not waiting or waiting.can_read(timeout=0):
            return False
        self._in_poll = None
        waiting.disconnect()
        return True

    def _id_of_wait(self) -> int | None:
        """The id of the connection on which jobs are waited for; None where Redis tells none."""
        socket = self.client.connection._sock  # noqa: SLF001 - as kombu does; another one after each loss
        if self._waiting[0] is not socket:
            self._waiting = (socket, None)
            with suppress(ResponseError):  # not allowed, or no Redis
                self._waiting = (socket, int(self.client.client_id()))
        return self._waiting[1]

    def close(self) -> None:
        """Wake what waits for jobs, and close."""
        if self._in_poll and self._waiting[1] is not None:
            try:
                self._create_client().client_unblock(self._waiting[1])
            except Silence:  # for longer than a wait takes
                self._leaves_silence()
            except (RedisError, OSError):
                pass  # it waits to its end
        super().close()


class Transport(redis.Transport):  # type: ignore[misc]  # kombu has no types
    """Kombu's own, over such channels."""

    Channel = Channel

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Kombu's, and a look whether waits end: an error of the connection has it made anew."""
        super().register_with_event_loop(connection, loop)
        loop.call_repeatedly(OVERDUE / 2, self._require_answers)

    def _require_answers(self) -> None:
        for channel in list(self.cycle._channels):  # noqa: SLF001 - kombu's own
            channel.require_answer()


def use_cheap_transport() -> None:
    """Have every connection of this process that names Redis in its URL use this transport."""
    TRANSPORT_ALIASES.update({"redis": _HERE, "rediss": _HERE})

"""How long one exchange may take, and how much it may bring: whatever the receiver drips."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPException
from time import monotonic


class ResponseTooLong(HTTPException):
    """The receiver sent more than an answer's headers and first bytes can need."""


class Budget:
    """What is left of an exchange's seconds and of the bytes that it may receive."""

    def __init__(self, seconds: float, size: int) -> None:
        self._end = monotonic() + seconds
        self._size = size

    def seconds(self) -> float:
        """What is left, more than nothing. Raises TimeoutError at the end."""
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def spend(self, size: int) -> None:
        """Count bytes that came. Raises ResponseTooLong when they were too many."""
        self._size -= size
        if self._size < 0:
            raise ResponseTooLong


# A pooled socket outlives its exchanges, and the libraries between hand no deadline down to it: so
# the socket asks for the exchange of the thread that uses it.
_current: ContextVar[Budget] = ContextVar("budget")


@contextmanager
def exchange(seconds: float, size: int) -> Iterator[None]:
    """Allow this thread's sockets that many seconds in all, and that many bytes received."""
    token = _current.set(Budget(seconds, size))
    try:
        yield
    finally:
        _current.reset(token)


def budget() -> Budget:
    """That of the exchange which this thread is in. Raises LookupError outside of one."""
    return _current.get()

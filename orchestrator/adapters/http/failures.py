"""One short sentence for what went wrong on the way."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from http.client import HTTPException, RemoteDisconnected

from orchestrator.adapters.http.budget import ResponseTooLong

# In the order in which they are looked for: an error has several causes, and some are special cases
# of others.
_SENTENCES: tuple[tuple[type[Exception], str], ...] = (
    (socket.gaierror, "name does not resolve"),
    (ResponseTooLong, "answer too long"),
    (ConnectionRefusedError, "connection refused"),
    (RemoteDisconnected, "connection closed without an answer"),
    (ConnectionError, "connection reset"),
    (ssl.SSLError, "TLS failed"),
    (HTTPException, "answer is not HTTP"),
)


def sentence(error: Exception) -> str:
    """What happened, for whoever reads why a delivery failed; time-outs are told by the sender."""
    causes = tuple(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"certificate not accepted: {cause.verify_message}"
    for kind, words in _SENTENCES:
        if any(isinstance(cause, kind) for cause in causes):
            return words
    return _in_the_systems_words(causes)


def timed_out(error: Exception) -> bool:
    """Whether time ran out, at whatever stage."""
    return any(isinstance(cause, TimeoutError) for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _in_the_systems_words(causes: tuple[BaseException, ...]) -> str:
    words = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
    return words[-1].lower() if words else "the request failed"

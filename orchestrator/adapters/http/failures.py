"""One short sentence for what went wrong on the way."""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPException, RemoteDisconnected

from orchestrator.adapters.http.budget import ResponseTooLong
from orchestrator.errors import causes

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
    met = tuple(causes(error))
    for cause in met:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"certificate not accepted: {cause.verify_message}"
    for kind, words in _SENTENCES:
        if any(isinstance(cause, kind) for cause in met):
            return words
    return _in_the_systems_words(met)


def _in_the_systems_words(met: tuple[BaseException, ...]) -> str:
    words = [cause.strerror for cause in met if isinstance(cause, OSError) and cause.strerror]
    return words[-1].lower() if words else "the request failed"

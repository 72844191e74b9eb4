"""One short sentence for what went wrong with a mail server."""

from __future__ import annotations

import smtplib
import socket
import ssl

from orchestrator.errors import causes


class SaysTooMuch(OSError):
    """The server said more than answers can need."""


_SENTENCES: tuple[tuple[type[BaseException], str], ...] = (
    (SaysTooMuch, "the mail server says more than mail servers say"),
    (smtplib.SMTPNotSupportedError, "the mail server does not offer TLS (STARTTLS), or no login"),
    (socket.gaierror, "the mail server's name does not resolve"),
    (ConnectionRefusedError, "the mail server refuses connections"),
    (ConnectionError, "the mail server broke the connection off"),
    (ssl.SSLError, "TLS with the mail server failed"),
    (UnicodeError, "the login has characters that cannot be sent"),
)


def sentence(error: BaseException) -> str:
    """What happened, for whoever reads why a mail did not go out; time-outs are told apart."""
    met = tuple(causes(error))
    for cause in met:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the mail server's certificate is not accepted: {cause.verify_message}"
    for kind, words in _SENTENCES:
        if any(isinstance(cause, kind) for cause in met):
            return words
    if any(isinstance(cause, smtplib.SMTPServerDisconnected) for cause in met):
        return "the mail server broke the connection off"
    told = [cause.strerror for cause in met if isinstance(cause, OSError) and cause.strerror]
    return told[-1].lower() if told else "the mail server says what none says"

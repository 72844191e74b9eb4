"""An SMTP or LMTP server that takes replies, and nothing else."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from orchestrator.domain.inbound_mail import LARGEST_MAIL
from orchestrator.domain.mail_reply import token_in
from orchestrator.errors import TooLarge, Transient

log = structlog.get_logger()

# At INFO aiosmtpd logs every command, and with it the token.
logging.getLogger("mail.log").setLevel(logging.WARNING)

Keep = Callable[[bytes, str, tuple[str, ...]], object]
"""Keeps a mail with the sender and the recipients of its envelope, for good once it returns.

Raises TooLarge, and Transient while that is not possible.
"""

_LONGEST_LINE = 64 * 1024
_SILENCE = 60
"""Seconds after which a client that says nothing is left."""

_NOT_NOW = "451 4.3.0 Not just now: try again shortly"
_TOO_LARGE = f"552 5.3.4 Answers of more than {LARGEST_MAIL} bytes are not taken"


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a server listens, and how. ``tls`` is what STARTTLS is offered with."""

    host: str
    port: int
    is_lmtp: bool
    tls: ssl.SSLContext | None = None


class _Smtp(SMTP):
    line_length_limit = _LONGEST_LINE


class _Lmtp(LMTP):
    line_length_limit = _LONGEST_LINE


class _Replies:
    """What the server's commands mean here: aiosmtpd calls the methods by their names."""

    def __init__(self, reply_domain: str, keep: Keep) -> None:
        self._reply_domain = reply_domain
        self._keep = keep

    async def handle_RCPT(  # noqa: N802 - aiosmtpd names and calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take one address of replies; LMTP wants an answer for each, and a mail has one."""
        if token_in(address, self._reply_domain) is None:
            return "550 5.1.1 Only replies are taken here"
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - the same
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Answer 250 once the mail is stored, and not before."""
        raw = envelope.content
        sender, recipients = (envelope.mail_from or "").strip("<>"), tuple(envelope.rcpt_tos)
        if not isinstance(raw, bytes):
            return _NOT_NOW
        try:
            await asyncio.to_thread(self._keep, raw, sender, recipients)
        except TooLarge:
            return _TOO_LARGE
        except Transient:
            return _NOT_NOW
        except Exception:
            log.exception("mail not stored")
            return _NOT_NOW
        return "250 2.0.0 Stored"


async def listen(where: Listening, reply_domain: str, keep: Keep) -> asyncio.Server:
    """Begin to serve. Raises OSError where the address is in use."""
    make = partial(
        _Lmtp if where.is_lmtp else _Smtp,
        _Replies(reply_domain, keep),
        data_size_limit=LARGEST_MAIL,
        enable_SMTPUTF8=True,
        ident="Crew Orchestrator",
        timeout=_SILENCE,
        tls_context=where.tls,
    )
    return await asyncio.get_running_loop().create_server(make, where.host, where.port)

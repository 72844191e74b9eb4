"""A mail server on this machine that delivers nothing: it shows and keeps each mail."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from orchestrator.domain.mail_reply import token_in
from orchestrator.errors import Transient

LOOPBACK = "127.0.0.1"
TAKEN = "250 Taken; it goes nowhere"

_SHOWN_HEADERS = ("From", "To", "Reply-To", "Subject")


KeepReply = Callable[[bytes, str, tuple[str, ...]], object]
"""Keeps a reply, given with the sender and the recipients of its envelope. Raises Transient."""


class MailSink:
    """Takes every mail that comes to the port on loopback, while its context lasts.

    ``show`` is given each as a text; ``folder`` gets each as an ``.eml`` file, which any mail
    program opens. Mails to reply addresses are answers: ``keep_reply`` is given
    them, and they are not shown.
    """

    def __init__(
        self,
        port: int,
        folder: Path,
        show: Callable[[str], None],
        reply_domain: str = "",
        keep_reply: KeepReply | None = None,
    ) -> None:
        self._folder = folder
        self._show = show
        self._reply_domain = reply_domain
        self._keep_reply = keep_reply
        self.port = port
        self._controller = Controller(self, LOOPBACK, port)

    def __enter__(self) -> Self:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def run(self) -> None:
        """Take mails until a signal ends the process."""
        with self:
            while True:
                signal.pause()

    async def handle_DATA(  # noqa: N802 - as aiosmtpd calls it
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """A mail has come."""
        content: Any = envelope.original_content or b""
        to = tuple(map(str, envelope.rcpt_tos))
        keep = self._keep_reply
        if keep and any(token_in(each, self._reply_domain) for each in to):
            return await self._kept(keep, content, str(envelope.mail_from), to)
        file = self._folder / f"{time.time_ns()}.eml"
        file.write_bytes(content)
        mail = message_from_bytes(content, _class=EmailMessage, policy=default)
        self._show(f"{shown(mail)}\n({file})")
        return TAKEN

    @staticmethod
    async def _kept(keep: KeepReply, reply: bytes, sender: str, to: tuple[str, ...]) -> str:
        try:
            await asyncio.to_thread(keep, reply, sender, to)
        except Transient:
            return "451 4.3.0 Not just now: try again shortly"
        return "250 Taken as an answer"


def shown(mail: EmailMessage) -> str:
    """A mail as a terminal shows it: whom it is from and for, what it is about, its text."""
    heads = [f"{name}: {mail[name]}" for name in _SHOWN_HEADERS if mail[name]]
    body = mail.get_body(("plain",))
    text = str(body.get_content()) if body else "(it has no text)"
    lines = ["─" * 72, *heads, "", *text.splitlines(), "─" * 72]
    return "\n".join(map(_printable, lines))


def _printable(line: str) -> str:
    """Without what would steer the terminal: whoever can reach the port may send anything."""
    return "".join(each if each.isprintable() else " " for each in line)

"""One conversation with a mail server, within a time and a number of bytes, whatever it drips."""

from __future__ import annotations

import smtplib
import socket
import ssl
from io import BufferedReader, RawIOBase
from time import monotonic
from typing import Any

from orchestrator.adapters.smtp.failures import SaysTooMuch
from orchestrator.settings.mail import Relay, Security

MOST_BYTES = 64 * 1024
"""Of what a server says in one conversation."""


class Conversation(smtplib.SMTP):
    """A connection to the relay, under TLS where that is to be, and logged in.

    ``connect_within`` and ``within`` are seconds, for connecting and in all. Raises SMTPException
    and OSError, TLS errors among them.
    """

    def __init__(
        self,
        relay: Relay,
        context: ssl.SSLContext,
        *,
        greet_as: str,
        connect_within: float,
        within: float,
    ) -> None:
        self._relay = relay
        self._context = context
        self._end = monotonic() + within
        self._most = MOST_BYTES
        super().__init__(relay.host, relay.port, greet_as, timeout=connect_within)

    def log_in(self) -> None:
        """Have it begin TLS where it did not, and log in where there is a user."""
        self.ehlo_or_helo_if_needed()
        if self._relay.security is Security.STARTTLS:
            self.starttls(context=self._context)
        if self._relay.user is not None:
            self.login(self._relay.user, self._relay.password or "")

    def leave(self) -> None:
        """End it, without waiting for an answer: none would change anything."""
        try:
            self.send(b"QUIT\r\n")
        except (OSError, smtplib.SMTPException):
            pass
        finally:
            self.close()

    def seconds(self) -> float:
        """What is left, more than nothing. Raises TimeoutError at the end."""
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def spend(self, size: int) -> None:
        """Count bytes that came. Raises SaysTooMuch when they were too many."""
        self._most -= size
        if self._most < 0:
            raise SaysTooMuch

    def getreply(self) -> tuple[int, bytes]:
        """Read an answer, each of whose bytes may be the last for which there is time."""
        if self.file is None and self.sock is not None:
            self.file = BufferedReader(_Heard(self, self.sock))
        return super().getreply()

    def send(self, s: Any) -> None:
        """Send all of it, within the time that is left."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("please run connect() first")
        rest = memoryview(s.encode(self.command_encoding) if isinstance(s, str) else s)
        try:
            while rest:
                self.sock.settimeout(self.seconds())
                rest = rest[self.sock.send(rest) :]
        except OSError as error:
            self.close()
            raise smtplib.SMTPServerDisconnected("Server not connected") from error

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made = socket.create_connection((host, port), min(timeout, self.seconds()))
        if self._relay.security is not Security.TLS:
            return made
        try:
            made.settimeout(self.seconds())
            return self._context.wrap_socket(made, server_hostname=host)
        except OSError:
            made.close()
            raise


class _Heard(RawIOBase):
    """What a server says, as a file."""

    def __init__(self, conversation: Conversation, sock: socket.socket) -> None:
        self._conversation = conversation
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._conversation.seconds())
        size = self._sock.recv_into(buffer)
        self._conversation.spend(size)
        return size

"""Sends mails through the relay, each once, with a result whatever happens."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from smtplib import SMTPDataError, SMTPException, SMTPResponseException
from time import monotonic
from traceback import extract_tb

from jinja2 import TemplateError

from orchestrator.adapters.smtp.conversation import Conversation
from orchestrator.adapters.smtp.failures import sentence
from orchestrator.adapters.smtp.message import (
    POLICY,
    Letterhead,
    MailHeading,
    notice_message,
    sender_address,
    sign_in_message,
    trial_message,
)
from orchestrator.adapters.smtp.notice import read_notice
from orchestrator.domain.canonical import JsonObject, decode
from orchestrator.domain.delivery import Authentication, SendResult
from orchestrator.domain.person import address_of
from orchestrator.domain.transport import mail_address
from orchestrator.errors import BlockedAddress, Invalid, timed_out
from orchestrator.settings.mail import Relay
from orchestrator.wire.shown import one_line

KEPT = 1_000
"""Characters of the server's answer that are kept."""

_BARE = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one try may cost, in seconds: for connecting, and in all."""

    connect: float = 5.0
    total: float = 15.0


class MailSender:
    """Sends to mail addresses. Many threads may share it: each mail has its own connection.

    ``ca_bundle`` is a PEM file of authorities that are trusted beside the public ones.
    """

    def __init__(
        self,
        relay: Relay,
        letterhead: Letterhead,
        limits: Limits | None = None,
        *,
        ca_bundle: Path | None = None,
    ) -> None:
        self._relay = relay
        self._letterhead = letterhead
        self._limits = limits or Limits()
        self._context = ssl.create_default_context()
        if ca_bundle is not None:
            self._context.load_verify_locations(ca_bundle)

    def vet(self, url: str, authentication: Authentication | None = None) -> None:
        """Raise BlockedAddress where it is no mail address, Invalid for credentials."""
        if address_of(mail_address(url)) is None:
            raise BlockedAddress("This is not an address that a mail can be sent to.")
        if authentication is not None:
            raise Invalid("A mail address takes no credentials.")

    def send(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        authentication: Authentication | None = None,
    ) -> SendResult:
        """Write a mail from a delivery's body, and hand it to the relay.

        The status is what the relay answered: to the recipient or the mail itself, or, where it is
        4xx, to anything. Where it does not let us in, or refuses our sender, that says nothing of
        the recipient: no answer came.
        """
        began = monotonic()
        try:
            self.vet(url, authentication)
            message = self._message(mail_address(url), body, headers)
        except (BlockedAddress, Invalid) as error:
            return SendResult(None, monotonic() - began, error.message, blocked=True)
        except Exception as error:  # noqa: BLE001 - a template may raise anything
            reason = f"the template cannot be used: {_mistake(error)}"
            return SendResult(None, monotonic() - began, reason)
        try:
            return self._tried(began, lambda talk: self._handed_over(talk, message))
        except Invalid as error:
            return SendResult(None, monotonic() - began, error.message, blocked=True)

    def check(self) -> SendResult:
        """Log in and send nothing: whether mails could be sent now."""
        return self._tried(monotonic(), lambda talk: SmtpReply(*talk.noop(), of_us=True))

    def _message(self, to: str, body: bytes, headers: Mapping[str, str]) -> EmailMessage:
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        heading = MailHeading(to, headers["webhook-id"], at)
        said = _typed(body)
        if said.get("type") == "ping":
            return trial_message(self._letterhead, heading)
        if said.get("type") == "sign-in":
            return sign_in_message(self._letterhead, said, heading)
        return notice_message(self._letterhead, read_notice(body), heading)

    def _tried(self, began: float, say: Callable[[Conversation], SmtpReply]) -> SendResult:
        try:
            with self._conversation() as talk:
                answer = say(talk)
        except SMTPResponseException as error:
            answer = SmtpReply(error.smtp_code, error.smtp_error, of_us=True)
        except (SMTPException, OSError, ValueError) as error:
            late = timed_out(error)
            reason = f"timed out after {self._limits.total:g} s" if late else sentence(error)
            return SendResult(None, monotonic() - began, reason, timed_out=late)
        return answer.result(monotonic() - began)

    @contextmanager
    def _conversation(self) -> Iterator[Conversation]:
        talk = Conversation(
            self._relay,
            self._context,
            greet_as=self._letterhead.domain,
            connect_within=self._limits.connect,
            within=self._limits.total,
        )
        try:
            talk.log_in()
            yield talk
        finally:
            talk.leave()

    def _handed_over(self, talk: Conversation, message: EmailMessage) -> SmtpReply:
        to = message["To"].addresses[0].addr_spec
        options = () if to.isascii() else ("SMTPUTF8",)
        if options and not talk.has_extn("smtputf8"):
            raise Invalid("The mail server takes no address that is not ASCII (SMTPUTF8).")
        policy = POLICY.clone(utf8=bool(options))
        written = _BARE.sub(b"\r\n", message.as_bytes(policy=policy))
        sender = SmtpReply(
            *talk.mail(sender_address(self._letterhead.identity.sender), options), True
        )
        if not sender.is_yes:
            return sender
        recipient = SmtpReply(*talk.rcpt(to))
        if not recipient.is_yes:
            return recipient
        try:
            return SmtpReply(*talk.data(written))
        except SMTPDataError as error:
            return SmtpReply(error.smtp_code, error.smtp_error)


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """What a server answered; ``of_us`` says that it was not to the recipient or the mail."""

    code: int
    said: bytes | str
    of_us: bool = False

    @property
    def is_yes(self) -> bool:
        """Whether it goes on."""
        return self.code // 100 == 2  # noqa: PLR2004 - the class 2xx

    def result(self, seconds: float) -> SendResult:
        """What it means for the try."""
        text = self.said if isinstance(self.said, str) else self.said.decode(errors="replace")
        text = one_line(text, KEPT)
        if self.is_yes:
            return SendResult(self.code, seconds, response=text)
        if self.of_us and self.code // 100 != 4:  # noqa: PLR2004 - the class 4xx
            reason = f"The mail server does not let us send: {self.code} {text}"
            return SendResult(None, seconds, reason, response=text)
        reason = f"The mail server answered {self.code}: {text}"
        return SendResult(self.code, seconds, reason, response=text)


def _mistake(error: Exception) -> str:
    """What a template did wrong; not in the words of Python's errors, which may quote a token."""
    if isinstance(error, TemplateError | OSError):
        return str(error)
    at = extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {at.filename}, line {at.lineno}"


def _typed(body: bytes) -> JsonObject:
    """What the body says, where it is an object: the notice of a review has no ``type``."""
    try:
        said = decode(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}

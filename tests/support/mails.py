"""Bodies of deliveries that are mails, and a mail server that keeps what it is handed."""

from __future__ import annotations

from collections.abc import Sequence
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from processes import free_port

from orchestrator.adapters.smtp.message import Letterhead, load_templates
from orchestrator.domain.canonical import encode
from orchestrator.ports import MailIdentity

TOKEN = "abcdefghijklmnopqrstuvwxyz234567"

NOTICE: dict[str, Any] = {
    "v": 1,
    "notice": "request",
    "to": "ann@example.com",
    "recipient_id": "recipient-1",
    "token": TOKEN,
    "review_id": "review-1",
    "execution_id": "execution-1",
    "deployment": "news",
    "task_name": "write",
    "round": 1,
    "kind": "judge",
    "message": "",
    "options": [],
    "default_outcome": None,
    "output": "# Owls\n\nThey are *quiet*.",
    "output_is_cut": False,
    "output_digest": "sha256:0",
    "careful": False,
    "reason": "group legal",
    "decisions": 1,
    "due": {"expires_at": None, "answer_at": None, "automatic": None, "escalate_at": None},
    "earlier": [],
    "kickoff_id": "execution-1",
    "meta": {},
    "sequence": 1,
}


def notice_body(**changes: Any) -> bytes:
    """The body of a mail that asks, with what is to be different."""
    return encode({**NOTICE, **changes})


def letterhead(
    *,
    reply_domain: str | None = "replies.example",
    public_url: str | None = "https://crews.example",
    templates: Path | None = None,
) -> Letterhead:
    """A sender with a page for its links and a domain for replies."""
    identity = MailIdentity("Crews <crews@example.com>", reply_domain)
    return Letterhead(identity, public_url, load_templates(templates))


class MailServer:
    """A real server on a free port while its context lasts.

    ``rcpt`` and ``data`` are what the next recipients and mails are answered, the last for ever.
    """

    def __init__(
        self, *, rcpt: Sequence[str] = ("250 OK",), data: Sequence[str] = ("250 OK",), **how: Any
    ) -> None:
        self.rcpt, self.data = list(rcpt), list(data)
        self.taken: list[EmailMessage] = []
        self.recipients: list[str] = []
        self._controller = Controller(self, "127.0.0.1", free_port(), **how)
        self.port: int = self._controller.port

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_RCPT(  # noqa: N802 - as aiosmtpd calls it
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        answer = _next(self.rcpt)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802 - as aiosmtpd calls it
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        answer = _next(self.data)
        if answer.startswith("2"):
            self.recipients += envelope.rcpt_tos
            content = envelope.content
            assert isinstance(content, bytes)
            taken = message_from_bytes(content, policy=default)
            assert isinstance(taken, EmailMessage)
            self.taken.append(taken)
        return answer


def _next(answers: list[str]) -> str:
    return answers.pop(0) if len(answers) > 1 else answers[0]


def only_ann(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: Any
) -> AuthResult:
    """Lets ann in, whose password is secret."""
    assert isinstance(login, LoginPassword)
    return AuthResult(success=login == LoginPassword(b"ann", b"secret"), handled=False)

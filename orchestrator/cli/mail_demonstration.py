"""The last act of the demo: a review that is answered by a reply to its mail."""

from __future__ import annotations

import smtplib
import time
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from orchestrator.errors import OrchestratorError

SECONDS_TO_WAIT = 60.0
SECONDS_BETWEEN_LOOKS = 0.1
"""The sink writes a file for each mail: it can only be looked for."""


class NoMail(OrchestratorError):
    """The mail that asks did not come."""


def newest_mail(folder: Path, answered: int) -> EmailMessage:
    """The mail after so many that were answered, waited for. Raises NoMail."""
    until = time.monotonic() + SECONDS_TO_WAIT
    while time.monotonic() < until:
        files = sorted(folder.glob("*.eml"))
        if len(files) > answered:
            return message_from_bytes(
                files[answered].read_bytes(), _class=EmailMessage, policy=default
            )
        time.sleep(SECONDS_BETWEEN_LOOKS)
    raise NoMail


def text_of(mail: EmailMessage) -> str:
    """What it says, as plain text."""
    body = mail.get_body(("plain",))
    return str(body.get_content()) if body else ""


def reply_to(mail: EmailMessage, words: str, port: int) -> None:
    """Answer as a mail program does: the words, and below them the mail, quoted."""
    reply = EmailMessage()
    reply["From"], reply["To"] = str(mail["To"]), str(mail["Reply-To"])
    reply["Subject"] = f"Re: {mail['Subject']}"
    reply["Message-ID"] = f"<{time.time_ns()}@example.com>"
    reply["In-Reply-To"] = str(mail["Message-ID"])
    quoted = "\n".join(f"> {line}" for line in text_of(mail).splitlines())
    reply.set_content(f"{words}\n\n{quoted}\n")
    with smtplib.SMTP("127.0.0.1", port, timeout=SECONDS_TO_WAIT) as server:
        server.send_message(reply)

"""What an operator sets about mails that come in."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr

from orchestrator.settings.values import Port


class InboundMailSettings(BaseModel):
    """The settings of replies by mail; see ``Settings``."""

    mail_sender_check: Literal["off", "warn", "require"] = Field(
        default="warn",
        description="What is asked of a reply's proof (DKIM, DMARC) that it comes from its "
        "sender's domain: nothing, a line in the log where there is none, or that there is one.",
    )
    mail_authserv_id: str | None = Field(
        default=None,
        description="Name under which a mail server of yours writes Authentication-Results: "
        "mx.crews.example. Only what it found counts then. Without it: DKIM is verified here.",
    )
    mail_tls_certificate: Path | None = Field(
        default=None,
        description="PEM file with the certificate with which `orchestrator mail serve` offers "
        "STARTTLS. Without it: none is offered.",
    )
    mail_tls_key: Path | None = Field(
        default=None, description="PEM file with its key, where that is a file of its own."
    )
    mail_imap_host: str | None = Field(
        default=None, description="IMAP server whose mailbox `orchestrator mail fetch` reads."
    )
    mail_imap_port: Port = Field(default=993, description="Its port.")
    mail_imap_tls: bool = Field(default=True, description="Whether it is spoken to over TLS.")
    mail_imap_user: str | None = Field(default=None, description="User of the mailbox.")
    mail_imap_password: SecretStr | None = Field(default=None, description="The user's password.")
    mail_imap_folder: str = Field(default="INBOX", description="Folder that replies come to.")
    mail_imap_done: str | None = Field(
        default=None,
        description="Folder that mails are moved to once they are stored. Without it: they are "
        "marked as seen.",
    )
    mail_mailgun_key: SecretStr | None = Field(
        default=None,
        description="Signing key of Mailgun, for `POST /v1/inbound/mailgun`. Without it: 404.",
    )
    mail_ses_topic: str | None = Field(
        default=None,
        pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d+:[A-Za-z0-9_.-]+$",
        description="ARN of the SNS topic of Amazon SES, for `POST /v1/inbound/ses`. "
        "Without it: 404.",
    )

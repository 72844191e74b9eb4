"""Writes the mail: from a delivery's body to a message, by templates that may be replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Any

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    StrictUndefined,
    select_autoescape,
)

from orchestrator.adapters.smtp.notice import Notice
from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.mail_text import DELIMITER, message_id, reply_address, thread_id
from orchestrator.errors import Invalid
from orchestrator.ports import MailIdentity
from orchestrator.wire.paths import ANSWER_PAGES
from orchestrator.wire.shown import one_line, rendered

BUILT_IN = Path(__file__).with_name("templates")

LONGEST_SUBJECT = 150

POLICY = SMTP.clone(cte_type="7bit")
"""What any mail server passes on as it is."""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What all mails share: who sends them, where their links lead, how they look.

    Without ``public_url`` they have no links, without a reply domain nobody may reply.
    """

    identity: MailIdentity
    public_url: str | None
    templates: Environment

    @property
    def domain(self) -> str:
        """That of the sender, in which message ids are."""
        return sender_address(self.identity.sender).rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class MailHeading:
    """Which mail it is, to whom, and when it is sent: the id is the same on every try."""

    to: str
    delivery_id: str
    at: datetime


def sender_address(sender: str) -> str:
    """The address alone of what stands as From."""
    return parseaddr(sender)[1]


def load_templates(folder: Path | None = None) -> Environment:
    """The templates; those in the folder take the place of built-in ones of the same name."""
    folders = [*([folder] if folder else []), BUILT_IN]
    return Environment(
        loader=ChoiceLoader([FileSystemLoader(each) for each in folders]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def notice_message(head: Letterhead, notice: Notice, heading: MailHeading) -> EmailMessage:
    """The mail that asks or tells one person, as text and as HTML.

    Raises Invalid where the address is none, and Jinja's TemplateError.
    """
    written = _addressed(head, heading)
    thread = thread_id(notice.execution_id, notice.task_name, head.domain)
    written["In-Reply-To"] = thread
    written["References"] = thread
    domain = head.identity.reply_domain if notice.takes_replies else None
    may_reply = notice.token is not None and domain is not None
    if may_reply:
        written["Reply-To"] = reply_address(str(notice.token), str(domain))
    page = (
        f"{head.public_url}{ANSWER_PAGES}/{notice.token}"
        if head.public_url and notice.token
        else None
    )
    shown: dict[str, Any] = {
        "mail": notice,
        "page": page,
        "may_reply": may_reply,
        "delimiter": DELIMITER,
        "output_html": rendered(notice.output),
    }
    _fill(head, written, "notice", shown)
    return written


def trial_message(head: Letterhead, heading: MailHeading) -> EmailMessage:
    """A mail that says that mails arrive. Raises as the other does."""
    written = _addressed(head, heading)
    _fill(head, written, "trial", {"public_url": head.public_url})
    return written


def sign_in_message(head: Letterhead, link: JsonObject, heading: MailHeading) -> EmailMessage:
    """The mail with a link for signing in. Raises as the others do."""
    written = _addressed(head, heading)
    shown = {"link": f"{head.public_url}{link['path']}", "minutes": link["minutes"]}
    _fill(head, written, "sign_in", shown)
    return written


def _addressed(head: Letterhead, heading: MailHeading) -> EmailMessage:
    written = EmailMessage(POLICY)
    written["From"] = head.identity.sender
    written["To"] = _address(heading.to)
    written["Date"] = format_datetime(heading.at)
    written["Message-ID"] = message_id(heading.delivery_id, head.domain)
    written["Auto-Submitted"] = "auto-generated"
    return written


def _address(text: str) -> Address:
    """The address, its domain in the form that DNS has. Raises Invalid."""
    local, _, domain = text.rpartition("@")
    try:
        return Address(username=local, domain=domain.encode("idna").decode("ascii"))
    except (ValueError, IndexError) as error:
        raise Invalid("The address is none that a mail can be sent to.") from error


def _fill(head: Letterhead, written: EmailMessage, name: str, shown: Mapping[str, Any]) -> None:
    subject = head.templates.get_template(f"{name}.subject.txt").render(shown)
    written["Subject"] = one_line(subject, LONGEST_SUBJECT)
    written.set_content(head.templates.get_template(f"{name}.txt").render(shown))
    as_html = head.templates.get_template(f"{name}.html").render(shown)
    written.add_alternative(as_html, subtype="html")

"""Reading a reply: which review's token it came to, whose it is, and what the person wrote."""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.domain.inbound_mail import WhyRefused
from orchestrator.domain.mail_reply.automatic import why_automatic
from orchestrator.domain.mail_reply.inbound import InboundMail
from orchestrator.domain.mail_reply.spoken import spoken
from orchestrator.domain.person import address_of

_LOCAL_PART = re.compile(r"reply\+([a-z2-7]{32})")


@dataclass(frozen=True, slots=True)
class Ignored:
    """No person wrote it: nothing is decided, and nobody is told."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It cannot be an answer to anything, so nobody can be told either."""

    why: WhyRefused
    reason: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A person's answer. ``text`` is empty where all of it was quoted."""

    token: str
    sender: str
    text: str


def token_in(address: str, reply_domain: str) -> str | None:
    """The token of an address ``reply+TOKEN@reply_domain``, in whatever case; None for another."""
    local, _, domain = address.strip().strip("<>").casefold().rpartition("@")
    found = _LOCAL_PART.fullmatch(local)
    return found[1] if found and domain and domain == reply_domain.casefold() else None


def read_reply(
    mail: InboundMail, sender: str | None, reply_domain: str | None
) -> Ignored | Refused | Reply:
    """Say what a mail is to us.

    ``sender`` is the address under which we send, ``reply_domain`` where replies to us go.
    """
    automatic = why_automatic(mail, sender, reply_domain)
    if automatic is not None:
        return Ignored(automatic)
    found = {token_in(each, reply_domain or "") for each in mail.recipients} - {None}
    if not found:
        said = "None of its recipients is an address that replies go to."
        return Refused(WhyRefused.NO_REPLY_ADDRESS, said)
    if len(found) > 1:
        said = "It answers several reviews at once: each wants a reply of its own."
        return Refused(WhyRefused.SEVERAL_REVIEWS, said)
    writers = {address_of(each) for each in mail.senders}
    writer = writers.pop() if len(writers) == 1 else None
    if writer is None:
        return Refused(WhyRefused.NO_SENDER, "Its From is not one address.")
    return Reply(str(found.pop()), writer, spoken(mail.text))

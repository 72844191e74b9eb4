"""A mail that came in, as far as it matters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class SenderProof(StrEnum):
    """Whether it is proven that a mail comes from the domain of its From."""

    PASSED = "passed"
    FAILED = "failed"
    """It claims a proof that does not hold."""
    NONE = "none"
    """It has none, or nobody looked."""


@dataclass(frozen=True, slots=True)
class InboundMail:
    """A mail that came in.

    ``senders`` are the addresses of its From as they stand there, ``return_path`` that of its
    envelope (empty for a bounce, None where it is not known). ``recipients`` are those of To, Cc,
    Delivered-To, X-Original-To and the envelope. ``headers`` have lower-case names, and of each
    header the first. ``text`` is what its body says, quotes and all.
    """

    message_id: str | None = None
    senders: tuple[str, ...] = ()
    return_path: str | None = None
    recipients: tuple[str, ...] = ()
    subject: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "text/plain"
    text: str = ""

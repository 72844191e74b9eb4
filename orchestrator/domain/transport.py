"""The ways out: how an endpoint is sent to, and what an answer means there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

MAILTO = "mailto:"


class Transport(StrEnum):
    """How what is due at an endpoint is sent; its URL says it."""

    HTTP = "http"
    MAIL = "mail"

    @property
    def answers(self) -> Answers:
        """What a receiver's answers mean."""
        return _MAIL if self is Transport.MAIL else _HTTP


def transport_of(url: str) -> Transport:
    """How that URL is sent to; what is no mail address is for HTTP to judge."""
    return Transport.MAIL if url.startswith(MAILTO) else Transport.HTTP


def mail_url(address: str) -> str:
    """The URL of the endpoint that a person's mails go to."""
    return MAILTO + address


def mail_address(url: str) -> str:
    """The address of such an endpoint."""
    return url.removeprefix(MAILTO)


def shown_url(url: str) -> str:
    """A URL without what may be secret in it: user, query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(not a URL)"
    host = parts.netloc.rpartition("@")[2]
    more = "?…" if parts.query else ""
    return parts._replace(netloc=host, query="", fragment="").geturl() + more


@dataclass(frozen=True, slots=True)
class Answers:
    """What the statuses of a transport mean, beside 2xx, which is success in all.

    ``gone`` disables the endpoint, ``asked_too_much`` slows it down. ``final`` are the classes
    (hundreds) after which no further try is made. ``refusals`` is the class after which none is
    made where ``stop_on_4xx`` holds, save for ``momentary`` ones. ``disables`` says whether an
    endpoint that has only failed for days is disabled.
    """

    gone: frozenset[int]
    asked_too_much: frozenset[int]
    final: frozenset[int]
    refusals: frozenset[int]
    momentary: frozenset[int]
    disables: bool

    def is_gone(self, status: int | None) -> bool:
        """Whether there is nobody any more."""
        return status in self.gone

    def is_too_much(self, status: int | None) -> bool:
        """Whether the receiver is asked too much."""
        return status in self.asked_too_much

    def is_final(self, status: int | None) -> bool:
        """Whether another try would be answered alike."""
        return status is not None and status // 100 in self.final

    def is_refusal(self, status: int | None) -> bool:
        """Whether the request itself is at fault, for receivers that mean what they say."""
        if status is None or status in self.momentary:
            return False
        return status // 100 in self.refusals


TOO_MANY = 429

_HTTP = Answers(
    gone=frozenset({410}),
    asked_too_much=frozenset({TOO_MANY, 502, 504}),
    final=frozenset(),
    refusals=frozenset({4}),
    momentary=frozenset({408, 425, TOO_MANY}),
    disables=True,
)

_MAIL = Answers(
    gone=frozenset(),
    asked_too_much=frozenset({421}),
    final=frozenset({5}),
    refusals=frozenset(),
    momentary=frozenset(),
    disables=False,
)
"""Of SMTP (RFC 5321, 4.2.1): 4xx is for now, 5xx for good. A mailbox that was full last week takes
the next mail, and what a relay refuses to all must not disable every address."""

"""Both records, the timelines and the audit log, as whoever checks or exports them reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from orchestrator.domain.audit import AuditEntry
from orchestrator.domain.record import StreamEnd
from orchestrator.domain.timeline import Entry


class StreamKind(StrEnum):
    """Whose entries are chained to one another."""

    EXECUTION = "execution"
    """What happened to an execution while its row was held."""
    ENDPOINT = "endpoint"
    """What deliveries to an endpoint wrote into the timelines of executions."""
    ADMINISTRATION = "administration"
    """The audit log: one stream."""


class Mark(NamedTuple):
    """The entry that was read last: whose stream it is in, and its number."""

    owner: str
    number: int


class Page(NamedTuple):
    """Some entries, stream by stream, and the ends of these streams at the same moment."""

    entries: Sequence[Entry | AuditEntry]
    ends: Mapping[str, StreamEnd]


class Record(Protocol):
    """Both records, in one transaction."""

    def unchained(self) -> Mapping[str, int]:
        """Up to which number entries are from before there were chains, of "audit", "timeline"."""
        ...

    def page(
        self, kind: StreamKind, after: Mark | None, deployment: str | None, limit: int
    ) -> Page:
        """The next entries of all streams of a kind.

        Of a deployment's, if one is named; the audit log comes whole.
        """
        ...

    def emptied(self, kind: StreamKind, deployment: str | None) -> tuple[StreamEnd, ...]:
        """The ends of streams of a kind that had entries, and have none any more."""
        ...

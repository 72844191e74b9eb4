"""What is counted of closed reviews, by day."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from orchestrator.domain.analytics import Key, Sum
from orchestrator.domain.closed_review import ClosedReview
from orchestrator.ports.work import Position


class Analytics(Protocol):
    """The tallies of closed reviews, in one transaction."""

    def mark(self) -> Position | None:
        """The place, by the time of closing, up to which all are in the tallies."""
        ...

    def closed(
        self,
        after: Position | None,
        until: datetime,
        limit: int,
        since: datetime | None = None,
        deployments: Collection[str] | None = None,
    ) -> tuple[ClosedReview, ...]:
        """Reviews that were closed beyond that place and before then, the oldest first."""
        ...

    def add(self, before: Position | None, after: Position, sums: Mapping[Key, Sum]) -> bool:
        """Add to the tallies, and move the mark; False, and nothing done, where it had moved."""
        ...

    def sums(self, first: str, last: str, deployments: Collection[str] | None) -> dict[Key, Sum]:
        """The tallies of these days, both included; by day those of outcomes, else all together."""
        ...

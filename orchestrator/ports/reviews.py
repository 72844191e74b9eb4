"""The rows of reviews, of who is asked in them, and of who is away."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from orchestrator.domain.recipient import Recipient
from orchestrator.domain.review import Review
from orchestrator.domain.review_terms import Absence
from orchestrator.ports.work import Position


class Reviews(Protocol):
    """The reviews, in one transaction."""

    def add(self, review: Review) -> None:
        """Insert."""
        ...

    def get(self, review_ids: Sequence[str]) -> dict[str, Review]:
        """Read several at a time, by id."""
        ...

    def of(self, execution_id: str) -> tuple[Review, ...]:
        """All of an execution's, oldest first."""
        ...

    def save(self, before: Review, after: Review) -> Review:
        """Write over the state and version of ``before``. Raises StaleWrite as executions do."""
        ...

    def by_token(self, token_hash: str) -> Review | None:
        """The review that may be answered with the token of that hash."""
        ...

    def overdue(self, now: datetime, limit: int) -> tuple[Review, ...]:
        """Open reviews whose deadline has passed, and that nobody has answered in words."""
        ...

    def due(self, now: datetime, limit: int) -> tuple[Review, ...]:
        """Open reviews about which something is to be done: their ``due_at`` has come.

        None whose words are being weighed: somebody answered.
        """
        ...

    def unassigned(self, limit: int) -> tuple[str, ...]:
        """Ids of open reviews whose policy asks somebody, and in which nobody is asked."""
        ...

    def purge(self, execution_id: str) -> None:
        """Take away what people said in an execution's reviews."""
        ...

    def pending(
        self,
        deployments: Collection[str] | None,
        after: Position | None,
        limit: int,
        assigned_to: str | None = None,
    ) -> tuple[Review, ...]:
        """Some of the open reviews of these deployments, or of all, oldest first.

        ``assigned_to`` leaves those that wait for the person of that address.
        """
        ...

    def waiting(
        self,
        deployments: Collection[str] | None,
        after: Review | None,
        limit: int,
        assigned_to: str | None = None,
        *,
        by_group: bool | None = None,
    ) -> tuple[Review, ...]:
        """The same in the order of their deadlines, those without one last, beyond a review.

        ``by_group`` leaves those in which that person is asked as a member of a group, or is not.
        """
        ...

    def count_waiting(
        self,
        deployments: Collection[str] | None,
        most: int,
        assigned_to: str | None = None,
        *,
        by_group: bool | None = None,
    ) -> int:
        """How many wait, as for ``waiting``; of more than so many, that number."""
        ...

    def done(
        self, deployments: Collection[str] | None, after: Review | None, limit: int
    ) -> tuple[Review, ...]:
        """Some of the closed reviews, those that were closed last first, beyond a review."""
        ...


class Recipients(Protocol):
    """Who is asked in a review, in one transaction."""

    def add(self, asked: Mapping[Recipient, str]) -> None:
        """Insert, each with the token of its mails, which is encrypted."""
        ...

    def add_votes(self, votes: Sequence[Recipient]) -> None:
        """Insert what people said in reviews that are closed."""
        ...

    def token(self, recipient_id: str) -> str | None:
        """The token of that person's mails; None once the review is closed."""
        ...

    def of(self, review_ids: Sequence[str]) -> tuple[Recipient, ...]:
        """All of these reviews', in the order in which they were asked."""
        ...

    def by_token(self, token_hash: str) -> Recipient | None:
        """Whoever got the token of that hash."""
        ...

    def troubled(self, deployment: str, address: str, limit: int) -> tuple[Recipient, ...]:
        """Some of those with that address whom a mail did not reach, execution by execution."""
        ...

    def save(self, before: Recipient, after: Recipient) -> Recipient:
        """Write over the state and version of ``before``. Raises StaleWrite as executions do."""
        ...

    def close(self, review_id: str) -> None:
        """Nobody is waited for any more: the review has ended."""
        ...

    def purge(self, execution_id: str) -> None:
        """Take away what people said in an execution's reviews."""
        ...


class Absences(Protocol):
    """Who is away, in one transaction."""

    def put(self, absence: Absence) -> None:
        """Insert, or write over the person's."""
        ...

    def end(self, address: str) -> bool:
        """The person is back; False where they were not away."""
        ...

    def at(self, now: datetime) -> dict[str, Absence]:
        """Who is away then, by address."""
        ...

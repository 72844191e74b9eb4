"""The reviews in SQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Select,
    Tuple,
    bindparam,
    func,
    literal,
    select,
    tuple_,
    update,
)

from orchestrator.adapters.sql.among import among
from orchestrator.adapters.sql.cipher import Cipher
from orchestrator.adapters.sql.hidden_question import hide, shown_if_possible
from orchestrator.adapters.sql.prepared import Prepared, PreparedAmong
from orchestrator.adapters.sql.rows import MOST, NOTHING, Rows, save, selecting
from orchestrator.adapters.sql.schema import (
    recipient_waits,
    recipients,
    review_is_closed,
    review_is_open,
    reviews,
)
from orchestrator.domain.review import Review
from orchestrator.ports import Position

_c = reviews.c
OVERDUE = (
    selecting(reviews, Review)
    .where(review_is_open, ~_c.weighing, _c.expires_at <= bindparam("now"))
    .order_by(_c.expires_at)
    .limit(MOST)
)
DUE = (
    selecting(reviews, Review)
    .where(review_is_open, ~_c.weighing, _c.due_at <= bindparam("now"))
    .order_by(_c.due_at)
    .limit(MOST)
)
_BY_IDS = PreparedAmong(selecting(reviews, Review), _c.id)


@dataclass(frozen=True, slots=True)
class _Rows(Rows[Review]):
    """The rows, with what is encrypted of a question as it was asked."""

    cipher: Cipher

    def all(
        self, query: Select[Any] | Prepared, bound: Mapping[str, Any] = NOTHING
    ) -> tuple[Review, ...]:
        """Read every review that the query finds, with these values bound."""
        return tuple(self.shown(each) for each in Rows.all(self, query, bound))

    def shown(self, review: Review) -> Review:
        """A review as it was read, with its question."""
        question = shown_if_possible(review.question, self.cipher)
        return review if question is review.question else replace(review, question=question)

    def hidden(self, review: Review) -> Review:
        """The same as it is written."""
        question = hide(review.question, self.cipher)
        return review if question is review.question else replace(review, question=question)


class SqlReviews:
    """Keeps ``ports.Reviews``. What a question shows is encrypted where outputs are."""

    def __init__(self, connection: Connection, cipher: Cipher) -> None:
        self._connection = connection
        self._rows = _Rows(connection, reviews, Review, cipher)

    def add(self, review: Review) -> None:
        """Insert."""
        self._rows.add([self._rows.hidden(review)])

    def get(self, review_ids: Sequence[str]) -> dict[str, Review]:
        """Read several at a time, by id."""
        found = (Review(*row) for row in _BY_IDS.all(self._connection, review_ids))
        return {review.id: self._rows.shown(review) for review in found}

    def of(self, execution_id: str) -> tuple[Review, ...]:
        """All of an execution's, oldest first."""
        return self._rows.of_execution(execution_id)

    def save(self, before: Review, after: Review) -> Review:
        """Write over the state and version of ``before``. Raises StaleWrite."""
        is_asked_otherwise = after.question != before.question
        written = self._rows.hidden(after) if is_asked_otherwise else after
        saved = save(self._connection, reviews, before, written)
        return replace(after, version=saved.version)

    def by_token(self, token_hash: str) -> Review | None:
        """The review that may be answered with the token of that hash."""
        return self._rows.first(self._rows.select().where(_c.token_hash == token_hash))

    def overdue(self, now: datetime, limit: int) -> tuple[Review, ...]:
        """Open reviews whose deadline has passed unanswered, the longest ago first."""
        return self._rows.all(OVERDUE, {"now": now, "most": limit})

    def due(self, now: datetime, limit: int) -> tuple[Review, ...]:
        """Open reviews about which something is to be done, what is due longest first."""
        return self._rows.all(DUE, {"now": now, "most": limit})

    def unassigned(self, limit: int) -> tuple[str, ...]:
        """Ids of open reviews whose policy asks somebody, and in which nobody is asked."""
        asked = select(recipients.c.id).where(recipient_waits, recipients.c.review_id == _c.id)
        query = select(_c.id).where(review_is_open, _c.terms.is_not(None), ~asked.exists())
        oldest_first = query.order_by(_c.created_at, _c.id).limit(limit)
        return tuple(self._connection.execute(oldest_first).scalars())

    def purge(self, execution_id: str) -> None:
        """Take away what people said, and what the runner showed them beside the output."""
        shown = select(_c.id, _c.question).where(_c.execution_id == execution_id)
        for review_id, question in self._connection.execute(shown).all():
            if question.state or question.metadata:
                bare = replace(question, state=None, metadata={})
                this = update(reviews).where(_c.id == review_id)
                self._connection.execute(this.values(question=bare, version=_c.version + 1))
        said = (_c.execution_id == execution_id, _c.words.is_not(None))
        values = {"words": None, "version": _c.version + 1}
        self._connection.execute(update(reviews).where(*said).values(values))

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
        return self._rows.page(self._open(deployments, assigned_to), after, limit)

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
        query = self._open(deployments, assigned_to, by_group)
        timed: tuple[Review, ...] = ()
        if after is None or after.deadline_at is not None:
            with_deadline = query.where(_c.deadline_at.is_not(None))
            if after is not None:
                place = (_c.deadline_at, _c.created_at, _c.id)
                with_deadline = with_deadline.where(_place(place) > _place(place, after))
            order = (_c.deadline_at, _c.created_at, _c.id)
            timed = self._rows.all(with_deadline.order_by(*order).limit(limit))
            after = None
        if len(timed) == limit:
            return timed
        rest = Position(after.created_at, after.id) if after else None
        without = query.where(_c.deadline_at.is_(None))
        return timed + self._rows.page(without, rest, limit - len(timed))

    def done(
        self, deployments: Collection[str] | None, after: Review | None, limit: int
    ) -> tuple[Review, ...]:
        """Some of the closed reviews, those that were closed last first, beyond a review."""
        query = self._rows.select().where(review_is_closed)
        query = query.where(among(_c.deployment, deployments))
        if after is not None:
            place = (_c.closed_at, _c.id)
            query = query.where(_place(place) < _place(place, after))
        return self._rows.all(query.order_by(_c.closed_at.desc(), _c.id.desc()).limit(limit))

    def count_waiting(
        self,
        deployments: Collection[str] | None,
        most: int,
        assigned_to: str | None = None,
        *,
        by_group: bool | None = None,
    ) -> int:
        """How many wait, as for ``waiting``; of more than so many, that number."""
        if assigned_to is None:
            found = select(_c.id).where(review_is_open, among(_c.deployment, deployments))
            found = found.order_by(_c.created_at)  # by the index of what is open
        else:
            found = _asked_of(assigned_to, by_group)
            found = found.where(among(recipients.c.deployment, deployments))
        counted = select(func.count()).select_from(found.limit(most).subquery())
        return int(self._connection.execute(counted).scalar_one())

    def _open(
        self,
        deployments: Collection[str] | None,
        assigned_to: str | None,
        by_group: bool | None = None,  # noqa: FBT001 - as its callers have it
    ) -> Select[Any]:
        query = self._rows.select().where(review_is_open)
        query = query.where(among(_c.deployment, deployments))
        if assigned_to is not None:
            query = query.where(_c.id.in_(_asked_of(assigned_to, by_group)))
        return query


def _asked_of(person: str, by_group: bool | None) -> Select[Any]:  # noqa: FBT001 - see above
    """The ids of the reviews that wait for a person."""
    query = select(recipients.c.review_id).where(recipient_waits, recipients.c.address == person)
    if by_group is None:
        return query
    is_by_group = recipients.c.by_group.is_not(None)
    return query.where(is_by_group if by_group else recipients.c.by_group.is_(None))


def _place(columns: tuple[Column[Any], ...], of: Review | None = None) -> Tuple:
    """The place of each row, or of one review, in a list that these columns order."""
    if of is None:
        return tuple_(*columns)
    return tuple_(*(literal(getattr(of, each.name), each.type) for each in columns))

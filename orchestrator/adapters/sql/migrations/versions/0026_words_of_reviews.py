"""Which tasks read what a person said in a review, which run did first, and what was taken back.

Revision ID: 0026
Revises: 0025
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_EVENTS_BEFORE = (
    "review.open",
    "review.answer",
    "review.weigh",
    "review.undecided",
    "review.claim",
    "review.release",
    "review.remind",
    "review.escalate",
    "review.reroute",
    "review.expire",
    "review.withdraw",
    "review.too_few",
    "recipient.ask",
    "recipient.snooze",
    "recipient.undeliverable",
    "recipient.vote",
    "recipient.ask_again",
    "recipient.delegate",
    "recipient.relieve",
)
_EVENTS_NOW = (*_EVENTS_BEFORE[:12], "review.take_back", *_EVENTS_BEFORE[12:])

_UTC = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")
_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "scope": sa.Text(),
    "read_by": sa.String(36),
    "taken_back_at": _UTC,
    "taken_back_by": sa.Text(),
    "passed_on_as": sa.String(36),
}

_EARLIER = "UPDATE reviews SET read_by = id WHERE words IS NOT NULL AND closed_at IS NOT NULL"
"""Nobody knows whether a task has read what was said before; it counts as read."""


def upgrade() -> None:
    """Add the columns."""
    for name, of_type in _COLUMNS.items():
        op.add_column("reviews", sa.Column(name, of_type, nullable=True))
    op.execute(_EARLIER)
    _tell_of_reviews(_EVENTS_NOW)


def _tell_of_reviews(events: tuple[str, ...]) -> None:
    condition = sa.text(f"event IN ({', '.join(map(repr, events))})")
    op.drop_index("ix_timeline_reviews", "timeline")
    op.create_index(
        "ix_timeline_reviews",
        "timeline",
        ["number"],
        sqlite_where=condition,
        postgresql_where=condition,
    )


def downgrade() -> None:
    """Take them away again."""
    _tell_of_reviews(_EVENTS_BEFORE)
    for name in reversed(_COLUMNS):
        op.execute(f"ALTER TABLE reviews DROP COLUMN {name}")

"""Who follows the timelines reads by an index, and sees which numbers are still in flight.

PostgreSQL gives numbers out before the commit. A transaction that is about to take its first one
holds a lock whose key is the newest number of that moment: what it takes is higher.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# A variable of the transaction says that it holds the lock: one for all its entries. The two
# numbers of the key have 31 bits each; the first one only tells these locks from others.
_FUNCTION = """
CREATE FUNCTION timeline_numbers_in_flight() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE newest bigint;
BEGIN
    IF coalesce(current_setting('orchestrator.numbers_after', true), '') = '' THEN
        SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO newest FROM timeline_number_seq;
        PERFORM pg_advisory_xact_lock_shared(1953066341, (newest & 2147483647)::int);
        PERFORM set_config('orchestrator.numbers_after', newest::text, true);
    END IF;
    RETURN NULL;
END $$
"""
_TRIGGER = """
CREATE TRIGGER timeline_numbers_in_flight BEFORE INSERT ON timeline
FOR EACH STATEMENT EXECUTE FUNCTION timeline_numbers_in_flight()
"""


def upgrade() -> None:
    """Add the indexes and, on PostgreSQL, the trigger. SQLite has one writer at a time."""
    where = sa.text(
        "event IN ('review.open', 'review.answer', 'review.weigh', 'review.undecided', "
        "'review.expire', 'review.withdraw')"
    )
    op.create_index("ix_timeline_deployment_number", "timeline", ["deployment", "number"])
    op.create_index(
        "ix_timeline_reviews", "timeline", ["number"], sqlite_where=where, postgresql_where=where
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_FUNCTION)
        op.execute(_TRIGGER)


def downgrade() -> None:
    """Take them away again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER timeline_numbers_in_flight ON timeline")
        op.execute("DROP FUNCTION timeline_numbers_in_flight()")
    op.drop_index("ix_timeline_reviews", "timeline")
    op.drop_index("ix_timeline_deployment_number", "timeline")

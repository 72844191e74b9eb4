"""Who is signed in to the inbox; by when reviews want a decision, and what was decided, in order.

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_UTC = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")
_OPEN, _CLOSED = "state IN ('PENDING')", "closed_at IS NOT NULL"
_INDEXES = {
    "ix_reviews_waiting": (["deadline_at", "created_at", "id"], _OPEN),
    "ix_reviews_waiting_of": (["deployment", "deadline_at", "created_at", "id"], _OPEN),
    "ix_reviews_done": (["closed_at", "id"], _CLOSED),
    "ix_reviews_done_of": (["deployment", "closed_at", "id"], _CLOSED),
}
_DEADLINE = """
    UPDATE reviews SET deadline_at = (
        SELECT min(at) FROM (
            SELECT expires_at AS at UNION ALL SELECT answer_at UNION ALL SELECT sla_at
        ) AS ends
    ) WHERE state IN ('PENDING')
"""


def upgrade() -> None:
    """Add the table, the column and the indexes; what is open gets its deadline."""
    op.create_table(
        "sessions",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("token_id", sa.String(36), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("seen_at", _UTC, nullable=False),
        sa.Column("expires_at", _UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["token_id"], ["tokens.id"], name="fk_sessions_token_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name="pk_sessions"),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.add_column("reviews", sa.Column("deadline_at", _UTC, nullable=True))
    op.execute(_DEADLINE)
    for name, (columns, where) in _INDEXES.items():
        condition = sa.text(where)
        op.create_index(
            name, "reviews", columns, sqlite_where=condition, postgresql_where=condition
        )


def downgrade() -> None:
    """Take them away again."""
    for name in _INDEXES:
        op.drop_index(name, "reviews")
    op.execute("ALTER TABLE reviews DROP COLUMN deadline_at")
    op.drop_table("sessions")

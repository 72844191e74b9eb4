"""Entries of the timelines and of the audit log are chained by digests.

What is there already has none: a chain begins with the first entry after this.

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_DIGEST = sa.String(71)
_TIMELINE = (
    ("endpoint_id", sa.String(36)),
    ("place", sa.Integer()),
    ("digest", _DIGEST),
    ("salt", sa.String(64)),
)


def upgrade() -> None:
    """Add the columns and the table, and note which entries are from before."""
    for name, type_ in _TIMELINE:
        op.add_column("timeline", sa.Column(name, type_, nullable=True))
    where = sa.text("endpoint_id IS NOT NULL")
    op.create_index(
        "ix_timeline_endpoint",
        "timeline",
        ["endpoint_id", "number"],
        sqlite_where=where,
        postgresql_where=where,
    )
    op.add_column("audit", sa.Column("place", sa.Integer(), nullable=True))
    op.add_column("audit", sa.Column("digest", _DIGEST, nullable=True))
    for table in ("executions", "endpoints"):
        entries: sa.Column[int] = sa.Column(
            "entries", sa.Integer(), nullable=False, server_default="0"
        )
        op.add_column(table, entries)
        op.add_column(table, sa.Column("last_digest", _DIGEST, nullable=True))
    op.create_table(
        "record_heads",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("unchained", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("digest", _DIGEST, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_record_heads"),
    )
    for table in ("audit", "timeline"):
        op.execute(
            f"INSERT INTO record_heads (name, unchained, entries) "
            f"SELECT '{table}', coalesce(max(number), 0), 0 FROM {table}"
        )


def downgrade() -> None:
    """Take them away again.

    In place: a table that is made anew would lose the triggers that count.
    """
    op.drop_table("record_heads")
    op.drop_index("ix_timeline_endpoint", "timeline")
    for table in ("executions", "endpoints"):
        op.execute(f"ALTER TABLE {table} DROP COLUMN entries")
        op.execute(f"ALTER TABLE {table} DROP COLUMN last_digest")
    for column in ("place", "digest"):
        op.execute(f"ALTER TABLE audit DROP COLUMN {column}")
    for column, _ in _TIMELINE:
        op.execute(f"ALTER TABLE timeline DROP COLUMN {column}")

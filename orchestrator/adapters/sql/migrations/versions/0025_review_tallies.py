"""What is counted of closed reviews, by day.

Revision ID: 0025
Revises: 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_UTC = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    """Add the tables; the sweep counts what was closed before."""
    op.create_table(
        "review_tallies",
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("deployment", sa.Text, nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint(
            "day", "deployment", "what", "label", name="pk_review_tallies"
        ),
    )
    op.create_table(
        "review_tally_mark",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("closed_at", _UTC, nullable=False),
        sa.Column("review_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_review_tally_mark"),
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("review_tally_mark")
    op.drop_table("review_tallies")

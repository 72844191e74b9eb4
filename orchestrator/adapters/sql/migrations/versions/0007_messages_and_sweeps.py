"""Messages are found by state and deployment; the sweep says what it could not do.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_UTC = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")
_LISTS = (
    ["received_at", "id"],
    ["state", "received_at", "id"],
    ["deployment", "received_at", "id"],
    ["deployment", "state", "received_at", "id"],
)


def upgrade() -> None:
    """Add the indexes and the table."""
    for columns in _LISTS:
        op.create_index(_name(columns), "intake_messages", columns)
    op.drop_index("ix_intake_messages_waiting", "intake_messages")
    op.create_table(
        "failing_steps",
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("since", _UTC, nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("step", name="pk_failing_steps"),
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("failing_steps")
    waits = sa.text("state IN ('WAITING')")
    op.create_index(
        "ix_intake_messages_waiting",
        "intake_messages",
        ["received_at"],
        sqlite_where=waits,
        postgresql_where=waits,
    )
    for columns in _LISTS:
        op.drop_index(_name(columns), "intake_messages")


def _name(columns: list[str]) -> str:
    return f"ix_intake_messages_{'_'.join(columns)}"

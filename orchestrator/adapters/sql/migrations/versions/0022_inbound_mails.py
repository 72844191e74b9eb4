"""Mails that come in are kept before anybody reads them.

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_UUID = sa.String(36)
_UTC = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "inbound_mails",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("received_at", _UTC, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("wake_at", _UTC, nullable=False),
        sa.Column("publishes", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("deployment", sa.Text(), nullable=True),
        sa.Column("execution_id", _UUID, nullable=True),
        sa.Column("review_id", _UUID, nullable=True),
        sa.Column("told", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_inbound_mails"),
        sa.UniqueConstraint("message_id", name="uq_inbound_mails_message_id"),
    )
    op.create_index("ix_inbound_mails_received_at_id", "inbound_mails", ["received_at", "id"])
    op.create_index("ix_inbound_mails_execution_id", "inbound_mails", ["execution_id"])
    _index("ix_inbound_mails_waiting", ["wake_at"], "state IN ('WAITING')")
    _index("ix_inbound_mails_told", ["told", "received_at"], "told IS NOT NULL")


def _index(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(
        name, "inbound_mails", columns, sqlite_where=condition, postgresql_where=condition
    )


def downgrade() -> None:
    """Take it away again, and with it what nobody has read yet."""
    op.drop_table("inbound_mails")

"""Executions are found by their batch.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    where = sa.text("batch IS NOT NULL")
    op.create_index(
        "ix_executions_batch", "executions", ["batch"], sqlite_where=where, postgresql_where=where
    )


def downgrade() -> None:
    """Take it away again."""
    op.drop_index("ix_executions_batch", "executions")

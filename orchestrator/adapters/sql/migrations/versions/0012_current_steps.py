"""A claimed run says which step of a flow is at work.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; workers of the version before leave it empty."""
    op.add_column("task_runs", sa.Column("current_step", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take it away again."""
    with op.batch_alter_table("task_runs") as table:
        table.drop_column("current_step")

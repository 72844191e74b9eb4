"""What endpoints' ids are made with outlives the oldest key; workers say how their clocks go.

Revision ID: 0017
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the column; both are empty until somebody writes there."""
    op.create_table(
        "naming_key",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_naming_key"),
    )
    op.add_column("workers", sa.Column("clock_ahead", sa.Float(), nullable=True))


def downgrade() -> None:
    """Take both away again. Endpoints whose oldest key was dropped then begin anew."""
    with op.batch_alter_table("workers") as table:
        table.drop_column("clock_ahead")
    op.drop_table("naming_key")

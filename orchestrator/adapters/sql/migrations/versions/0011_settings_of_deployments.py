"""A manifest keeps the settings that the deployment's file had.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; the next worker that starts fills it."""
    op.add_column("manifests", sa.Column("settings", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take it away again."""
    with op.batch_alter_table("manifests") as table:
        table.drop_column("settings")

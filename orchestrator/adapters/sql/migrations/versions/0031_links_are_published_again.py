"""A link for signing in whose job was lost is published again.

Revision ID: 0031
Revises: 0030
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_WAITING = "ix_sign_in_links_waiting"


def upgrade() -> None:
    """Add the column; for links that wait already a worker retries by itself."""
    wake_at = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")
    op.add_column("sign_in_links", sa.Column("wake_at", wake_at))
    where = sa.text("wake_at IS NOT NULL")
    op.create_index(
        _WAITING, "sign_in_links", ["wake_at"], sqlite_where=where, postgresql_where=where
    )


def downgrade() -> None:
    """Take it away again."""
    op.drop_index(_WAITING, "sign_in_links")
    op.drop_column("sign_in_links", "wake_at")

"""As a member of which group a person is asked: what waits for them, and what for their groups.

Revision ID: 0027
Revises: 0026
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_INDEX, _ASKED = "ix_recipients_waiting", "state IN ('ASKED')"
_BEFORE = ["address", "created_at"]
_NOW = ["address", "by_group", "deployment", "review_id"]

_EARLIER = "UPDATE recipients SET by_group = substr(reason, 7) WHERE reason LIKE 'group %'"
"""Until now the reason alone said it."""


def upgrade() -> None:
    """Add the column, and find by it."""
    op.add_column("recipients", sa.Column("by_group", sa.Text(), nullable=True))
    op.execute(_EARLIER)
    _index(_NOW)


def _index(columns: list[str]) -> None:
    op.drop_index(_INDEX, "recipients")
    op.create_index(
        _INDEX,
        "recipients",
        columns,
        sqlite_where=sa.text(f"waits = 1 AND {_ASKED}"),
        postgresql_where=sa.text(f"waits AND {_ASKED}"),
    )


def downgrade() -> None:
    """Take it away again."""
    _index(_BEFORE)
    op.execute("ALTER TABLE recipients DROP COLUMN by_group")

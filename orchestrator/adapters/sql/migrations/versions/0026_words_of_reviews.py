"""Which tasks read what a person said in a review, which run did first, and what was taken back.

Revision ID: 0026
Revises: 0023
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0023"
branch_labels = None
depends_on = None

_UTC = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")
_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "scope": sa.Text(),
    "read_by": sa.String(36),
    "taken_back_at": _UTC,
    "taken_back_by": sa.Text(),
    "passed_on_as": sa.String(36),
}

_EARLIER = "UPDATE reviews SET read_by = id WHERE words IS NOT NULL AND closed_at IS NOT NULL"
"""Nobody knows whether a task has read what was said before; it counts as read."""


def upgrade() -> None:
    """Add the columns."""
    for name, of_type in _COLUMNS.items():
        op.add_column("reviews", sa.Column(name, of_type, nullable=True))
    op.execute(_EARLIER)


def downgrade() -> None:
    """Take them away again."""
    for name in reversed(_COLUMNS):
        op.execute(f"ALTER TABLE reviews DROP COLUMN {name}")

"""Runs that wait for their turn are held: only a few of each deployment are published at a time.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_WAKE = "ix_task_runs_wake"
_PUBLISHED = "ix_task_runs_published"
_HELD = "ix_task_runs_held"


def upgrade() -> None:
    """Add the column; what waits already was published."""
    held: sa.Column[bool] = sa.Column("held", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("task_runs", held)
    op.drop_index(_WAKE, "task_runs")
    op.create_index(_WAKE, "task_runs", ["wake_at"], **_where("NOT held"))
    op.create_index(_PUBLISHED, "task_runs", ["deployment", "due_at"], **_where("NOT held"))
    op.create_index(_HELD, "task_runs", ["deployment", "due_at"], **_where("held"))


def downgrade() -> None:
    """Take it away again: the sweep publishes what was held.

    In place: a table that is made anew would lose the triggers that count.
    """
    for index in (_HELD, _PUBLISHED, _WAKE):
        op.drop_index(index, "task_runs")
    op.execute("ALTER TABLE task_runs DROP COLUMN held")
    op.create_index(_WAKE, "task_runs", ["wake_at"], **_where())


def _where(held: str | None = None) -> dict[str, Any]:
    condition = "state IN ('DUE')"
    if held is None:
        return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}
    sqlite = {"held": "held = 1", "NOT held": "held = 0"}[held]
    return {
        "sqlite_where": sa.text(f"{condition} AND {sqlite}"),
        "postgresql_where": sa.text(f"{condition} AND {held}"),
    }

"""Checkpoints that change earlier ones; executions that begin with another's checkpoint.

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_UUID = sa.String(36)
_OVER_BEFORE = "'FAILED', 'WITHDRAWN'"
_OVER_NOW = f"{_OVER_BEFORE}, 'SUPERSEDED'"

_checkpoints = sa.table(
    "checkpoints",
    *(sa.column(name) for name in ("execution_id", "number", "change")),
)


def upgrade() -> None:
    """Add the columns and the table; a superseded run leaves its round to another."""
    op.add_column("checkpoints", sa.Column("change", sa.Text(), nullable=True))
    op.add_column("executions", sa.Column("forked_from", _UUID, nullable=True))
    op.add_column("executions", sa.Column("forked_at", sa.Integer(), nullable=True))
    op.create_table(
        "shared_outputs",
        sa.Column("output_id", _UUID, nullable=False),
        sa.Column("execution_id", _UUID, nullable=False),
        sa.ForeignKeyConstraint(
            ["output_id"], ["outputs.id"], name="fk_shared_outputs_output_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["executions.id"],
            name="fk_shared_outputs_execution_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("output_id", "execution_id", name="pk_shared_outputs"),
    )
    op.create_index("ix_shared_outputs_execution_id", "shared_outputs", ["execution_id"])
    _unique_rounds(_OVER_NOW)


def downgrade() -> None:
    """Take it away again, and with it what does not stand any more.

    In place: a table that is made anew would lose the triggers that count.
    """
    _apply_changes(op.get_bind())
    op.execute("UPDATE task_runs SET state = 'WITHDRAWN' WHERE state = 'SUPERSEDED'")
    _unique_rounds(_OVER_BEFORE)
    op.drop_table("shared_outputs")
    for table, column in (
        ("executions", "forked_at"),
        ("executions", "forked_from"),
        ("checkpoints", "change"),
    ):
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")


def _unique_rounds(over: str) -> None:
    where = sa.text(f"(state NOT IN ({over}))")
    op.drop_index("uq_task_runs_round", "task_runs")
    op.create_index(
        "uq_task_runs_round",
        "task_runs",
        ["execution_id", "path", "round"],
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )


def _apply_changes(connection: sa.Connection) -> None:
    """Do to the entries what the changes of them say, as the versions before know no changes."""
    c = _checkpoints.c
    query = sa.select(c.execution_id, c.change).where(c.change.is_not(None))
    for execution_id, change in connection.execute(query.order_by(c.number)).all():
        read: dict[str, Any] = json.loads(change)
        if gone := read.get("supersedes"):
            connection.execute(
                sa.delete(_checkpoints).where(c.execution_id == execution_id, c.number.in_(gone))
            )
    connection.execute(sa.delete(_checkpoints).where(c.change.is_not(None)))

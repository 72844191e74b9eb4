"""The calls of models and tools inside a task are journalled; what that saved is noted.

Revision ID: 0015
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the column; workers of the version before journal nothing."""
    op.create_table(
        "calls",
        sa.Column("execution_id", sa.String(36), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("task_run_id", sa.String(36), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("arguments", sa.LargeBinary(), nullable=True),
        sa.Column("usage", sa.Text(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("execution_id", "path", "round", "number", name="pk_calls"),
        sa.ForeignKeyConstraint(
            ["task_run_id"],
            ["task_runs.id"],
            name="fk_calls_task_run_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_calls_task_run_id", "calls", ["task_run_id"])
    op.add_column("task_runs", sa.Column("saved", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take them away again, in place: a table made anew would lose the triggers that count."""
    op.execute("ALTER TABLE task_runs DROP COLUMN saved")
    op.drop_index("ix_calls_task_run_id", "calls")
    op.drop_table("calls")

"""Worker processes tell which plans they loaded; administration is logged; tokens know their origin.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_UTC = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables and the column."""
    op.create_table(
        "worker_processes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("plans", sa.Text(), nullable=False),
        sa.Column("seen_at", _UTC, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_worker_processes"),
    )
    op.create_index("ix_worker_processes_seen_at", "worker_processes", ["seen_at"])
    op.create_table(
        "audit",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
    )
    op.add_column(
        "tokens", sa.Column("bootstrap", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    tokens = sa.table("tokens", sa.column("name"), sa.column("deployment"), sa.column("bootstrap"))
    stored_by_the_service = (tokens.c.name == "bootstrap") & tokens.c.deployment.is_(None)
    op.execute(sa.update(tokens).where(stored_by_the_service).values(bootstrap=sa.true()))


def downgrade() -> None:
    """Take them away again."""
    with op.batch_alter_table("tokens") as tokens:
        tokens.drop_column("bootstrap")
    op.drop_table("audit")
    op.drop_index("ix_worker_processes_seen_at", "worker_processes")
    op.drop_table("worker_processes")

"""What stands in the way of open executions and reviews is found without going through all.

Revision ID: 0030
Revises: 0029
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_INDEXES = (
    ("ix_executions_plan_digest_deployment", "executions", ["plan_digest", "deployment"], None),
    ("ix_checkpoints_foreign", "checkpoints", ["execution_id"], "(format NOT IN (2, 3, 4))"),
    (
        "ix_reviews_ruled",
        "reviews",
        ["created_at", "id"],
        "state IN ('PENDING') AND terms IS NOT NULL",
    ),
)


def upgrade() -> None:
    """Index what ``orchestrator doctor`` looks for."""
    for name, table, columns, condition in _INDEXES:
        where = None if condition is None else sa.text(condition)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Take it away again."""
    for name, table, *_ in _INDEXES:
        op.drop_index(name, table)

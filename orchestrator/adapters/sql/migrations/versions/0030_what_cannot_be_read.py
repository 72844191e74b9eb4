"""Which open executions no worker can carry on is found without going through all of them.

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

_FOREIGN = "(format NOT IN (2, 3, 4))"


def upgrade() -> None:
    """Index the plans that executions began with, and the checkpoints that nobody reads."""
    columns = ["plan_digest", "deployment"]
    op.create_index("ix_executions_plan_digest_deployment", "executions", columns)
    op.create_index(
        "ix_checkpoints_foreign",
        "checkpoints",
        ["execution_id"],
        sqlite_where=sa.text(_FOREIGN),
        postgresql_where=sa.text(_FOREIGN),
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_index("ix_checkpoints_foreign", "checkpoints")
    op.drop_index("ix_executions_plan_digest_deployment", "executions")

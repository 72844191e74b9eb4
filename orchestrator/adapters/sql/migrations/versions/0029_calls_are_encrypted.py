"""Journalled calls may be encrypted, and are found one by one to be encrypted anew.

Revision ID: 0029
Revises: 0028
"""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_KEY = ("execution_id", "path", "round", "number")
_calls = sa.table("calls", *map(sa.column, (*_KEY, "id")))


def upgrade() -> None:
    """Only tasks that have not ended have calls: there are few."""
    op.add_column("calls", sa.Column("id", sa.String(36), nullable=True))
    connection = op.get_bind()
    key = [_calls.c[name] for name in _KEY]
    for row in connection.execute(sa.select(*key)).all():
        this = sa.and_(*(column == value for column, value in zip(key, row, strict=True)))
        connection.execute(_calls.update().where(this).values(id=str(uuid.uuid4())))
    op.create_index("ix_calls_id", "calls", ["id"], unique=True)


def downgrade() -> None:
    """Take it away again."""
    op.drop_index("ix_calls_id", "calls")
    op.execute("ALTER TABLE calls DROP COLUMN id")

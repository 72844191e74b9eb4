"""Calls of tools that wait for a person's approval, or have it.

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_reviews = sa.table("reviews", sa.column("id"), sa.column("question"))


def upgrade() -> None:
    """Add the column; workers of the version before leave it empty."""
    op.add_column("calls", sa.Column("approval", sa.String(32), nullable=True))


def downgrade() -> None:
    """Take it away again, and with it the calls that were not made.

    The version before would take these for calls that were begun, and it knows nothing of
    approvals: who is asked for one can have the task run again, or give it up.
    """
    _ask_what_is_known(op.get_bind())
    op.execute("DELETE FROM calls WHERE approval IN ('asked', 'given')")
    op.execute("ALTER TABLE calls DROP COLUMN approval")


def _ask_what_is_known(connection: sa.Connection) -> None:
    c = _reviews.c
    query = sa.select(c.id, c.question).where(c.question.like('%"kind":"approval"%'))
    for review_id, question in connection.execute(query).all():
        asked = json.loads(question)
        if asked["kind"] == "approval":
            known = {**asked, "kind": "effect", "options": ["run-again", "give-up"]}
            text = json.dumps(known, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
            connection.execute(
                sa.update(_reviews).where(c.id == review_id).values(question=text)
            )

"""Who is asked in a review, on which terms, and until when; whose a token is.

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_EVENTS_BEFORE = (
    "review.open",
    "review.answer",
    "review.weigh",
    "review.undecided",
    "review.expire",
    "review.withdraw",
)
_EVENTS_NOW = (
    "review.open",
    "review.answer",
    "review.weigh",
    "review.undecided",
    "review.claim",
    "review.release",
    "review.remind",
    "review.escalate",
    "review.reroute",
    "review.expire",
    "review.withdraw",
    "review.too_few",
    "recipient.ask",
    "recipient.snooze",
    "recipient.undeliverable",
    "recipient.vote",
    "recipient.ask_again",
    "recipient.delegate",
    "recipient.relieve",
)
_UUID = sa.String(36)
_UTC = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")
_TIMES = ("remind_at", "escalate_at", "answer_at", "sla_at", "claim_until", "due_at")


def upgrade() -> None:
    """Add tables and columns: of what is open already, nobody in particular is asked."""
    op.add_column("reviews", sa.Column("terms", sa.Text(), nullable=True))
    rung: sa.Column[int] = sa.Column("rung", sa.Integer(), nullable=False, server_default="0")
    op.add_column("reviews", rung)
    op.add_column("reviews", sa.Column("claimed_by", sa.Text(), nullable=True))
    for time in _TIMES:
        op.add_column("reviews", sa.Column(time, _UTC, nullable=True))
    op.add_column("executions", sa.Column("requester", sa.Text(), nullable=True))
    op.add_column("tokens", sa.Column("person", sa.Text(), nullable=True))
    _index("ix_reviews_due", "reviews", ["due_at"], "state IN ('PENDING') AND due_at IS NOT NULL")
    op.create_table(
        "absences",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("until", _UTC, nullable=False),
        sa.Column("to", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("address", name="pk_absences"),
    )
    _create_recipients()
    _tell_of_reviews(_EVENTS_NOW)


def _create_recipients() -> None:
    is_open: sa.Column[bool] = sa.Column("waits", sa.Boolean(), nullable=False, server_default=sa.true())
    op.create_table(
        "recipients",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("review_id", _UUID, nullable=False),
        sa.Column("execution_id", _UUID, nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("snoozed_until", _UTC, nullable=True),
        sa.Column("delegated_to", sa.Text(), nullable=True),
        sa.Column("decided_at", _UTC, nullable=True),
        sa.Column("approved", sa.Boolean(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("token", sa.LargeBinary(), nullable=True),
        is_open,
        _reference("review_id", "reviews"),
        _reference("execution_id", "executions"),
        sa.PrimaryKeyConstraint("id", name="pk_recipients"),
    )
    op.create_index("ix_recipients_review_id", "recipients", ["review_id"])
    op.create_index("ix_recipients_execution_id", "recipients", ["execution_id"])
    _index("ix_recipients_token_hash", "recipients", ["token_hash"], "token_hash IS NOT NULL")
    counts = sa.text("state IN ('ASKED', 'VOTED')")
    op.create_index(
        "uq_recipients_person",
        "recipients",
        ["review_id", "address"],
        unique=True,
        sqlite_where=counts,
        postgresql_where=counts,
    )
    waits = "waits" if op.get_bind().dialect.name == "postgresql" else "waits = 1"
    waiting = f"{waits} AND state IN ('ASKED')"
    _index("ix_recipients_waiting", "recipients", ["address", "created_at"], waiting)


def _reference(column: str, table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_recipients_{column}"
    return sa.ForeignKeyConstraint([column], [f"{table}.id"], name=name, ondelete="CASCADE")


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def _tell_of_reviews(events: tuple[str, ...]) -> None:
    listed = ", ".join(f"'{event}'" for event in events)
    op.drop_index("ix_timeline_reviews", "timeline")
    _index("ix_timeline_reviews", "timeline", ["number"], f"event IN ({listed})")


def downgrade() -> None:
    """Take it away again.

    In place: a table that is made anew would lose the triggers that count.
    """
    _tell_of_reviews(_EVENTS_BEFORE)
    op.drop_table("recipients")
    op.drop_table("absences")
    op.drop_index("ix_reviews_due", "reviews")
    for column in ("terms", "rung", "claimed_by", *_TIMES):
        op.execute(f"ALTER TABLE reviews DROP COLUMN {column}")
    op.execute("ALTER TABLE executions DROP COLUMN requester")
    op.execute("ALTER TABLE tokens DROP COLUMN person")

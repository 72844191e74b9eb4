"""Who a mail is from and why it was refused; what failed; mailboxes; what deployments declared.

Revision ID: 0028
Revises: 0027
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_UTC = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")

_EVENTS_BEFORE = (
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
    "review.take_back",
    "recipient.ask",
    "recipient.snooze",
    "recipient.undeliverable",
    "recipient.vote",
    "recipient.ask_again",
    "recipient.delegate",
    "recipient.relieve",
)
_EVENTS_NOW = (*_EVENTS_BEFORE[:16], "recipient.reached", *_EVENTS_BEFORE[16:])

_INDEXES = {
    "ix_inbound_mails_unread": ("inbound_mails", ["received_at"], "state IN ('WAITING')"),
    "ix_deliveries_failed": (
        "deliveries",
        ["endpoint_id", "created_at", "id"],
        "state IN ('EXHAUSTED', 'BLOCKED', 'CANCELLED')",
    ),
    "ix_recipients_troubled": (
        "recipients",
        ["address", "execution_id"],
        "trouble IS NOT NULL",
    ),
}


def upgrade() -> None:
    """Of mails that came before, nobody knows the sender without its key: they have none."""
    op.add_column("inbound_mails", sa.Column("sender", sa.Text(), nullable=True))
    op.add_column("inbound_mails", sa.Column("why", sa.String(32), nullable=True))
    op.create_table(
        "mailboxes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("read_at", _UTC, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_mailboxes"),
    )
    op.create_table(
        "declared_settings",
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("deployment", name="pk_declared_settings"),
    )
    for name, (table, columns, where) in _INDEXES.items():
        _index(name, table, columns, where)
    _tell_of_reviews(_EVENTS_NOW)


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def _tell_of_reviews(events: tuple[str, ...]) -> None:
    op.drop_index("ix_timeline_reviews", "timeline")
    among = f"event IN ({', '.join(map(repr, events))})"
    _index("ix_timeline_reviews", "timeline", ["number"], among)


def downgrade() -> None:
    """Take them away again."""
    _tell_of_reviews(_EVENTS_BEFORE)
    for name, (table, _, _) in _INDEXES.items():
        op.drop_index(name, table)
    op.drop_table("declared_settings")
    op.drop_table("mailboxes")
    for name in ("why", "sender"):
        op.execute(f"ALTER TABLE inbound_mails DROP COLUMN {name}")

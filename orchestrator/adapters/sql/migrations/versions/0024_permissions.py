"""What tokens may do; sessions of people without a token, and the links by which they sign in.

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_UTC = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    """Tokens of before may do what they could: everything."""
    op.add_column(
        "tokens", sa.Column("permission", sa.String(32), nullable=False, server_default="manage")
    )
    with op.batch_alter_table("sessions") as sessions:
        sessions.alter_column("token_id", existing_type=sa.String(36), nullable=True)
        sessions.add_column(sa.Column("person", sa.Text, nullable=True))
    op.create_table(
        "sign_in_links",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("leads_to", sa.Text, nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("expires_at", _UTC, nullable=False),
        sa.Column("hash", sa.String(64), nullable=True),
        sa.Column("sent_at", _UTC, nullable=True),
        sa.Column("used_at", _UTC, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_links"),
        sa.UniqueConstraint("hash", name="uq_sign_in_links_hash"),
    )
    op.create_index("ix_sign_in_links_address", "sign_in_links", ["address"])
    op.create_index("ix_sign_in_links_expires_at", "sign_in_links", ["expires_at"])


def downgrade() -> None:
    """Whoever signed in without a token has to sign in again."""
    op.drop_table("sign_in_links")
    op.execute("DELETE FROM sessions WHERE token_id IS NULL")
    with op.batch_alter_table("sessions") as sessions:
        sessions.drop_column("person")
        sessions.alter_column("token_id", existing_type=sa.String(36), nullable=False)
    with op.batch_alter_table("tokens") as tokens:
        tokens.drop_column("permission")

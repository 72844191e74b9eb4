"""Endpoints have a state and a health; hosts a circuit breaker; drains a lease; secrets a place.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_UUID = sa.String(36)
_STATE = sa.String(32)
_UTC = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")


def _endpoint_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("state", _STATE, nullable=False, server_default="ENABLED"),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("disabled_at", _UTC, nullable=True),
        sa.Column("stop_on_4xx", sa.Boolean(), nullable=True),
        sa.Column("most_sends", sa.Integer(), nullable=True),
        sa.Column("slowness", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("quiet_until", _UTC, nullable=True),
        sa.Column("failing_since", _UTC, nullable=True),
        sa.Column("last_success_at", _UTC, nullable=True),
        sa.Column("last_failure_at", _UTC, nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
    )


_INDEXES = (
    ("ix_endpoints_created_at_id", "endpoints", ["created_at", "id"]),
    ("ix_deliveries_created_at_id", "deliveries", ["created_at", "id"]),
    ("ix_deliveries_endpoint_id_created_at", "deliveries", ["endpoint_id", "created_at"]),
    (
        "ix_deliveries_deployment_state_created_at",
        "deliveries",
        ["deployment", "state", "created_at"],
    ),
    ("ix_delivery_attempts_at", "delivery_attempts", ["at"]),
)


_PARTIAL_INDEXES = (
    ("ix_executions_purge", "executions", "finished_at", "purged_at IS NULL"),
    ("ix_endpoints_quiet", "endpoints", "quiet_until", "quiet_until IS NOT NULL"),
)


def upgrade() -> None:
    """Add what a queue of deliveries needs."""
    for added in _endpoint_columns():
        op.add_column("endpoints", added)
    op.add_column("executions", sa.Column("purged_at", _UTC, nullable=True))
    op.create_table(
        "signing_secrets",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("endpoint_id", _UUID, nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("expires_at", _UTC, nullable=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["endpoints.id"], name="fk_signing_secrets_endpoint_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_signing_secrets"),
    )
    op.create_index("ix_signing_secrets_deployment", "signing_secrets", ["deployment"])
    op.create_table(
        "hosts",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("breaks", sa.Integer(), nullable=False),
        sa.Column("open_until", _UTC, nullable=True),
        sa.Column("has_answered", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hosts"),
    )
    op.create_table(
        "nudges",
        sa.Column("endpoint_id", _UUID, nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", name="pk_nudges"),
    )
    op.create_table(
        "drains",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("endpoint_id", _UUID, nullable=False),
        sa.Column("host_id", _UUID, nullable=False),
        sa.Column("doubtful", sa.Boolean(), nullable=False),
        sa.Column("lease_until", _UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_drains"),
    )
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)
    for name, table, column, condition in _PARTIAL_INDEXES:
        where = sa.text(condition)
        op.create_index(name, table, [column], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Take it away again."""
    for index in _PARTIAL_INDEXES:
        op.drop_index(index[0], index[1])
    for name, table, _ in reversed(_INDEXES):
        op.drop_index(name, table)
    for dropped in ("drains", "nudges", "hosts", "signing_secrets"):
        op.drop_table(dropped)
    with op.batch_alter_table("executions") as executions:
        executions.drop_column("purged_at")
    with op.batch_alter_table("endpoints") as endpoints:
        for gone in _endpoint_columns():
            endpoints.drop_column(gone.name)

"""The first schema.

Revision ID: 0001
Revises: nothing
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Types are spelt out: a migration must do tomorrow what it did when it was written.
_UUID = sa.String(36)
_DIGEST = sa.String(71)
_STATE = sa.String(32)
_UTC = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_TABLES = (
    "endpoints",
    "executions",
    "idempotency_keys",
    "intake_messages",
    "plans",
    "tokens",
    "workers",
    "checkpoints",
    "deliveries",
    "manifests",
    "outputs",
    "reviews",
    "task_runs",
    "timeline",
    "delivery_attempts",
)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "endpoints",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("url", sa.LargeBinary(), nullable=False),
        sa.Column("authentication", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", _UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_endpoints"),
    )
    op.create_table(
        "executions",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("state", _STATE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("plan_digest", _DIGEST, nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("meta", sa.Text(), nullable=False),
        sa.Column("subscriptions", sa.Text(), nullable=False),
        sa.Column("carry_webhooks", sa.Boolean(), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("started_at", _UTC, nullable=True),
        sa.Column("finished_at", _UTC, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("result", _UUID, nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("checkpoints", sa.Integer(), nullable=False),
        sa.Column("batch", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_executions"),
    )
    op.create_index("ix_executions_created_at_id", "executions", ["created_at", "id"])
    op.create_index(
        "ix_executions_deployment_created_at", "executions", ["deployment", "created_at"]
    )
    op.create_index("ix_executions_finished_at", "executions", ["finished_at"])
    op.create_index("ix_executions_state", "executions", ["state"])
    op.create_table(
        "idempotency_keys",
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body_digest", _DIGEST, nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.PrimaryKeyConstraint("deployment", "call", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.create_table(
        "intake_messages",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", _STATE, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("execution_id", sa.Text(), nullable=True),
        sa.Column("received_at", _UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_intake_messages"),
    )
    op.create_index(
        "ix_intake_messages_waiting",
        "intake_messages",
        ["received_at"],
        **_where("state IN ('WAITING')"),
    )
    op.create_table(
        "plans",
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_plans"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=True),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("revoked_at", _UTC, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("hash", name="uq_tokens_hash"),
    )
    op.create_table(
        "workers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("queues", sa.Text(), nullable=False),
        sa.Column("seen_at", _UTC, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_workers"),
    )
    op.create_index("ix_workers_seen_at", "workers", ["seen_at"])
    op.create_table(
        "checkpoints",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("execution_id", _UUID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("plan_digest", _DIGEST, nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("format", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["executions.id"],
            name="fk_checkpoints_execution_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_checkpoints"),
        sa.UniqueConstraint("execution_id", "number", name="uq_checkpoints_execution_id_number"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("execution_id", _UUID, nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("endpoint_id", _UUID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("state", _STATE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("due_at", _UTC, nullable=False),
        sa.Column("published_at", _UTC, nullable=False),
        sa.Column("wake_at", _UTC, nullable=False),
        sa.Column("publishes", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claim_no", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("lease_until", _UTC, nullable=True),
        sa.Column("finished_at", _UTC, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["endpoints.id"], name="fk_deliveries_endpoint_id"
        ),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["executions.id"],
            name="fk_deliveries_execution_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["endpoint_id", "state", "due_at", "sequence"],
        **_where("state IN ('PENDING', 'RETRYING')"),
    )
    op.create_index("ix_deliveries_execution_id", "deliveries", ["execution_id"])
    op.create_index(
        "ix_deliveries_wake",
        "deliveries",
        ["wake_at"],
        **_where("state IN ('PENDING', 'RETRYING')"),
    )
    op.create_table(
        "manifests",
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("plan_digest", _DIGEST, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("written_at", _UTC, nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["plan_digest"], ["plans.digest"], name="fk_manifests_plan_digest"),
        sa.PrimaryKeyConstraint("deployment", name="pk_manifests"),
    )
    op.create_table(
        "outputs",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("execution_id", _UUID, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name="fk_outputs_execution_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_outputs"),
    )
    op.create_index("ix_outputs_execution_id", "outputs", ["execution_id"])
    op.create_table(
        "reviews",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("execution_id", _UUID, nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("task_run_id", _UUID, nullable=False),
        sa.Column("task_index", sa.Integer(), nullable=False),
        sa.Column("task_name", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("state", _STATE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("output_id", _UUID, nullable=False),
        sa.Column("output_digest", _DIGEST, nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("expires_at", _UTC, nullable=True),
        sa.Column("closed_at", _UTC, nullable=True),
        sa.Column("approved", sa.Boolean(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("edited_output_id", _UUID, nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("reviewer", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name="fk_reviews_execution_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
    )
    op.create_index(
        "ix_reviews_deployment_state_created_at", "reviews", ["deployment", "state", "created_at"]
    )
    op.create_index("ix_reviews_execution_id", "reviews", ["execution_id"])
    op.create_index(
        "ix_reviews_expiry", "reviews", ["expires_at"], **_where("state IN ('PENDING')")
    )
    op.create_index(
        "ix_reviews_open", "reviews", ["created_at", "id"], **_where("state IN ('PENDING')")
    )
    op.create_table(
        "task_runs",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("execution_id", _UUID, nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("task_index", sa.Integer(), nullable=False),
        sa.Column("task_name", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("state", _STATE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("due_at", _UTC, nullable=False),
        sa.Column("published_at", _UTC, nullable=False),
        sa.Column("wake_at", _UTC, nullable=False),
        sa.Column("publishes", sa.Integer(), nullable=False),
        sa.Column("resumes", sa.Boolean(), nullable=False),
        sa.Column("claim_no", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("lease_until", _UTC, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("started_at", _UTC, nullable=True),
        sa.Column("finished_at", _UTC, nullable=True),
        sa.Column("output_id", _UUID, nullable=True),
        sa.Column("usage", sa.Text(), nullable=True),
        sa.Column("execution_time", sa.Float(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["executions.id"],
            name="fk_task_runs_execution_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_task_runs"),
    )
    op.create_index(
        "ix_task_runs_claimed_by", "task_runs", ["claimed_by"], **_where("state IN ('RUNNING')")
    )
    op.create_index("ix_task_runs_execution_id", "task_runs", ["execution_id"])
    op.create_index(
        "ix_task_runs_lease", "task_runs", ["lease_until"], **_where("state IN ('RUNNING')")
    )
    op.create_index("ix_task_runs_wake", "task_runs", ["wake_at"], **_where("state IN ('DUE')"))
    op.create_index(
        "uq_task_runs_round",
        "task_runs",
        ["execution_id", "task_index", "round"],
        unique=True,
        **_where("(state NOT IN ('FAILED', 'WITHDRAWN'))"),
    )
    op.create_table(
        "timeline",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("execution_id", _UUID, nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("task_name", sa.Text(), nullable=True),
        sa.Column("round", sa.Integer(), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name="fk_timeline_execution_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name="pk_timeline"),
    )
    op.create_index("ix_timeline_execution_id_number", "timeline", ["execution_id", "number"])
    op.create_table(
        "delivery_attempts",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("delivery_id", _UUID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["deliveries.id"],
            name="fk_delivery_attempts_delivery_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_delivery_attempts"),
    )
    op.create_index("ix_delivery_attempts_delivery_id", "delivery_attempts", ["delivery_id"])


def downgrade() -> None:
    """Drop every table, those that refer to others first."""
    for name in reversed(_TABLES):
        op.drop_table(name)

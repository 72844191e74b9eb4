"""The tables. Columns that mirror a noun of the domain bear the names of its fields."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    bindparam,
)

from orchestrator.adapters.sql.column_types import (
    Compressed,
    JsonText,
    State,
    SubscriptionsText,
    Utc,
    Uuid,
    Words,
)
from orchestrator.domain.delivery import DeliveryState
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.review import ReviewState
from orchestrator.domain.task_run import TaskRunState
from orchestrator.ports import IntakeState

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Number = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts up in columns of type INTEGER only."""


def in_state(column: Column[Any], *states: StrEnum | str) -> ColumnElement[bool]:
    """The condition that a row is in one of these states.

    Written into the statement, not bound to it: a partial index is used only for states that the
    planner can read.
    """
    values: BindParameter[Any] = bindparam(
        "states", states, unique=True, expanding=True, literal_execute=True
    )
    return column.in_(values)


def _partial(name: str, *columns: Column[Any], where: ColumnElement[bool]) -> Index:
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


def _execution() -> Column[str]:
    key = ForeignKey("executions.id", ondelete="CASCADE")
    return Column("execution_id", Uuid, key, nullable=False)


executions = Table(
    "executions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("deployment", Words, nullable=False),
    Column("state", State(ExecutionState), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("origin", Words, nullable=False),
    Column("actor", Words, nullable=False),
    Column("plan_digest", String(71), nullable=False),
    Column("inputs", JsonText, nullable=False),
    Column("meta", JsonText, nullable=False),
    Column("subscriptions", SubscriptionsText, nullable=False),
    Column("carry_webhooks", Boolean, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("started_at", Utc),
    Column("finished_at", Utc, index=True),
    Column("error", Words),
    Column("result", Uuid),
    Column("sequence", Integer, nullable=False),
    Column("checkpoints", Integer, nullable=False),
    Column("batch", Words),
    Index(None, "deployment", "created_at"),
)

task_runs = Table(
    "task_runs",
    metadata,
    Column("id", Uuid, primary_key=True),
    _execution(),
    Column("deployment", Words, nullable=False),
    Column("task_index", Integer, nullable=False),
    Column("task_name", Words, nullable=False),
    Column("round", Integer, nullable=False),
    Column("state", State(TaskRunState), nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("due_at", Utc, nullable=False),
    Column("published_at", Utc, nullable=False),
    Column("wake_at", Utc, nullable=False),
    Column("publishes", Integer, nullable=False),
    Column("resumes", Boolean, nullable=False),
    Column("claim_no", Integer, nullable=False),
    Column("claimed_by", Words),
    Column("lease_until", Utc),
    Column("attempts", Integer, nullable=False),
    Column("started_at", Utc),
    Column("finished_at", Utc),
    Column("output_id", Uuid),
    Column("usage", JsonText),
    Column("execution_time", Float),
    Column("error", Words),
    Index(None, "execution_id"),
)

task_run_waits = in_state(task_runs.c.state, TaskRunState.DUE)
task_run_is_claimed = in_state(task_runs.c.state, TaskRunState.RUNNING)

_partial("ix_task_runs_wake", task_runs.c.wake_at, where=task_run_waits)
_partial("ix_task_runs_lease", task_runs.c.lease_until, where=task_run_is_claimed)
_partial("ix_task_runs_claimed_by", task_runs.c.claimed_by, where=task_run_is_claimed)
Index(
    "uq_task_runs_round",
    task_runs.c.execution_id,
    task_runs.c.task_index,
    task_runs.c.round,
    unique=True,
    # What failed or was withdrawn may run again in its round, when a person asks for a retry.
    sqlite_where=~in_state(task_runs.c.state, TaskRunState.FAILED, TaskRunState.WITHDRAWN),
    postgresql_where=~in_state(task_runs.c.state, TaskRunState.FAILED, TaskRunState.WITHDRAWN),
)

outputs = Table(
    "outputs",
    metadata,
    Column("id", Uuid, primary_key=True),
    _execution(),
    Column("body", Compressed, nullable=False),
    Column("created_at", Utc, nullable=False),
    Index(None, "execution_id"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("id", Uuid, primary_key=True),
    _execution(),
    Column("number", Integer, nullable=False),
    Column("plan_digest", String(71), nullable=False),
    Column("cause", Words, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("format", Integer, nullable=False),
    Column("body", JsonText, nullable=False),
    UniqueConstraint("execution_id", "number"),
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", Uuid, primary_key=True),
    _execution(),
    Column("deployment", Words, nullable=False),
    Column("task_run_id", Uuid, nullable=False),
    Column("task_index", Integer, nullable=False),
    Column("task_name", Words, nullable=False),
    Column("round", Integer, nullable=False),
    Column("state", State(ReviewState), nullable=False),
    Column("version", Integer, nullable=False),
    Column("output_id", Uuid, nullable=False),
    Column("output_digest", String(71), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc),
    Column("closed_at", Utc),
    Column("approved", Boolean),
    Column("words", Words),
    Column("edited_output_id", Uuid),
    Column("actor", Words),
    Column("channel", Words),
    Column("reviewer", Words),
    Index(None, "execution_id"),
    Index(None, "deployment", "state", "created_at"),
)

review_is_open = in_state(reviews.c.state, ReviewState.PENDING)

_partial("ix_reviews_expiry", reviews.c.expires_at, where=review_is_open)

endpoints = Table(
    "endpoints",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("deployment", Words, nullable=False),
    Column("url", LargeBinary, nullable=False),
    Column("authentication", LargeBinary),
    Column("created_at", Utc, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    _execution(),
    Column("deployment", Words, nullable=False),
    Column("endpoint_id", Uuid, ForeignKey("endpoints.id"), nullable=False),
    Column("kind", Words, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("state", State(DeliveryState), nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Compressed, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("due_at", Utc, nullable=False),
    Column("published_at", Utc, nullable=False),
    Column("wake_at", Utc, nullable=False),
    Column("publishes", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("claim_no", Integer, nullable=False),
    Column("claimed_by", Words),
    Column("lease_until", Utc),
    Column("finished_at", Utc),
    Column("reason", Words),
    Index(None, "execution_id"),
)

delivery_waits = in_state(deliveries.c.state, DeliveryState.PENDING, DeliveryState.RETRYING)

_partial(
    "ix_deliveries_due",
    deliveries.c.endpoint_id,
    deliveries.c.state,
    deliveries.c.due_at,
    deliveries.c.sequence,
    where=delivery_waits,
)
_partial("ix_deliveries_wake", deliveries.c.wake_at, where=delivery_waits)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    # A replayed delivery counts its attempts anew: their number is no key.
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("delivery_id", Uuid, ForeignKey("deliveries.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", Utc, nullable=False),
    Column("status", Integer),
    Column("seconds", Float, nullable=False),
    Column("error", Words),
    Column("answer", Words, nullable=False),
    Index(None, "delivery_id"),
)

timeline = Table(
    "timeline",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    _execution(),
    Column("deployment", Words, nullable=False),
    Column("at", Utc, nullable=False),
    Column("actor", Words, nullable=False),
    Column("event", Words, nullable=False),
    Column("subject_id", Words, nullable=False),
    Column("task_name", Words),
    Column("round", Integer),
    Column("details", JsonText, nullable=False),
    Index(None, "execution_id", "number"),
)

plans = Table(
    "plans",
    metadata,
    Column("digest", String(71), primary_key=True),
    Column("body", JsonText, nullable=False),
)

manifests = Table(
    "manifests",
    metadata,
    Column("deployment", Words, primary_key=True),
    Column("plan_digest", String(71), ForeignKey("plans.digest")),
    Column("error", Words),
    Column("written_at", Utc, nullable=False),
    Column("worker", Words, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Words, nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("deployment", Words),
    Column("created_at", Utc, nullable=False),
    Column("revoked_at", Utc),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("deployment", Words, primary_key=True),
    Column("call", Words, primary_key=True),
    Column("key", Words, primary_key=True),
    Column("body_digest", String(71), nullable=False),
    Column("answer", JsonText, nullable=False),
    Column("created_at", Utc, nullable=False, index=True),
)

intake_messages = Table(
    "intake_messages",
    metadata,
    Column("id", Words, primary_key=True),
    Column("job", Words, nullable=False),
    Column("deployment", Words, nullable=False),
    Column("body", JsonText, nullable=False),
    Column("state", String(32), nullable=False),
    Column("reason", Words),
    Column("execution_id", Words),
    Column("received_at", Utc, nullable=False),
)

intake_waits = in_state(intake_messages.c.state, IntakeState.WAITING)

_partial("ix_intake_messages_waiting", intake_messages.c.received_at, where=intake_waits)

workers = Table(
    "workers",
    metadata,
    Column("name", Words, primary_key=True),
    Column("queues", JsonText, nullable=False),
    Column("seen_at", Utc, nullable=False, index=True),
)

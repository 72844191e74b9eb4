"""The tables of deployments, workers, producers and callers."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, String, Table

from orchestrator.adapters.sql.column_types import JsonText, State, Utc, Uuid, Words
from orchestrator.adapters.sql.schema.base import Number, in_state, metadata, partial_index
from orchestrator.domain.intake import IntakeState
from orchestrator.domain.permission import Permission

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
    Column("settings", JsonText),
)

# What the deployment file said when a process last started with it, told to the audit log.
declared_settings = Table(
    "declared_settings",
    metadata,
    Column("deployment", Words, primary_key=True),
    Column("settings", JsonText, nullable=False),
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
    Column("bootstrap", Boolean, nullable=False),
    Column("person", Words),
    Column("permission", State(Permission), nullable=False, server_default="manage"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("token_id", Uuid, ForeignKey("tokens.id", ondelete="CASCADE")),
    Column("person", Words),
    Column("created_at", Utc, nullable=False),
    Column("seen_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False, index=True),
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("address", Words, nullable=False, index=True),
    Column("leads_to", Words, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False, index=True),
    Column("hash", String(64), unique=True),
    Column("sent_at", Utc),
    Column("used_at", Utc),
    Column("wake_at", Utc),
)

link_waits = sign_in_links.c.wake_at.is_not(None)

partial_index("ix_sign_in_links_waiting", sign_in_links.c.wake_at, where=link_waits)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("deployment", Words, primary_key=True),
    Column("call", Words, primary_key=True),
    Column("key", Words, primary_key=True),
    Column("body_digest", String(71), nullable=False),
    Column("answer", JsonText, key="response", nullable=False),
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
    Index(None, "received_at", "id"),
    Index(None, "state", "received_at", "id"),
    Index(None, "deployment", "received_at", "id"),
    Index(None, "deployment", "state", "received_at", "id"),
)

intake_waits = in_state(intake_messages.c.state, IntakeState.WAITING)

partial_index(
    "ix_intake_messages_execution",
    intake_messages.c.execution_id,
    where=intake_messages.c.execution_id.is_not(None),
)
workers = Table(
    "workers",
    metadata,
    Column("name", Words, primary_key=True),
    Column("queues", JsonText, nullable=False),
    Column("seen_at", Utc, nullable=False, index=True),
    Column("clock_ahead", Float),
)

failing_steps = Table(
    "failing_steps",
    metadata,
    Column("step", Words, primary_key=True),
    Column("since", Utc, nullable=False),
    Column("at", Utc, nullable=False),
    Column("error", Words, nullable=False),
)

worker_processes = Table(
    "worker_processes",
    metadata,
    Column("name", Words, primary_key=True),
    Column("worker", Words, nullable=False),
    Column("plans", JsonText, nullable=False),
    Column("seen_at", Utc, nullable=False, index=True),
)

audit = Table(
    "audit",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("at", Utc, nullable=False),
    Column("actor", Words, nullable=False),
    Column("event", Words, nullable=False),
    Column("subject_id", Words, nullable=False),
    Column("deployment", Words),
    Column("details", JsonText, nullable=False),
    Column("place", Integer),
    Column("digest", String(71)),
)

# A row for the audit log and one for the timelines: up to which number entries are from before
# there were chains. The end of a chain is here for the former, else with its execution or endpoint.
record_heads = Table(
    "record_heads",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("unchained", BigInteger, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("digest", String(71)),
)

# One row: when a sweep last saw the database take a write, by the database's clock.
heartbeat = Table(
    "heartbeat",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", Utc, nullable=False),
)

"""The tables of what is sent out."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    false,
)

from orchestrator.adapters.sql.column_types import State, Utc, Uuid, Words
from orchestrator.adapters.sql.schema.base import (
    Number,
    execution_key,
    in_state,
    metadata,
    partial_index,
)
from orchestrator.domain.delivery import OPEN, DeliveryState
from orchestrator.domain.endpoint import EndpointState
from orchestrator.domain.webhooks import WebhookKind

endpoints = Table(
    "endpoints",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("deployment", Words, nullable=False),
    Column("url", LargeBinary, nullable=False),
    Column("authentication", LargeBinary),
    Column("created_at", Utc, nullable=False),
    Column("state", State(EndpointState), nullable=False),
    Column("version", Integer, nullable=False),
    Column("reason", Words),
    Column("disabled_at", Utc),
    Column("stop_on_4xx", Boolean),
    Column("most_sends", Integer),
    Column("slowness", Integer, nullable=False),
    Column("quiet_until", Utc),
    Column("failing_since", Utc),
    Column("last_success_at", Utc),
    Column("last_failure_at", Utc),
    Column("last_status", Integer),
    Column("last_error", Words),
    Column("entries", Integer, nullable=False, server_default="0"),
    Column("last_digest", String(71)),
    Index(None, "created_at", "id"),
)

partial_index(
    "ix_endpoints_quiet", endpoints.c.quiet_until, where=endpoints.c.quiet_until.is_not(None)
)

signing_secrets = Table(
    "signing_secrets",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("deployment", Words, nullable=False),
    Column("endpoint_id", Uuid, ForeignKey("endpoints.id")),
    Column("secret", LargeBinary, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc),
    Index(None, "deployment"),
)

# One row, once there was a reencryption: what endpoints' ids are made with, encrypted itself.
naming_key = Table(
    "naming_key",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, nullable=False),
)

hosts = Table(
    "hosts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("breaks", Integer, nullable=False),
    Column("open_until", Utc),
    Column("has_answered", Boolean, nullable=False),
)

# Neither refers to endpoints: the lock of a foreign key would make commits and drains wait for
# each other.
wakeups = Table(
    "nudges",
    metadata,
    Column("endpoint_id", Uuid, primary_key=True),
    Column("at", Utc, nullable=False),
)

drains = Table(
    "drains",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("endpoint_id", Uuid, nullable=False),
    Column("host_id", Uuid, nullable=False),
    Column("doubtful", Boolean, key="unproven", nullable=False),
    Column("lease_until", Utc, nullable=False),
    # One that found no room: the row has the endpoint's id, and its lease ends when it asks again.
    Column("waits_since", Utc),
    Column("has_notice", Boolean, nullable=False, server_default=false()),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    execution_key(),
    Column("deployment", Words, nullable=False),
    Column("endpoint_id", Uuid, ForeignKey("endpoints.id"), nullable=False),
    Column("kind", Words, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("state", State(DeliveryState), nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
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
    Column("size", Integer, nullable=False, server_default="0"),
    Index(None, "execution_id"),
    Index(None, "created_at", "id"),
    Index(None, "endpoint_id", "created_at"),
    Index(None, "deployment", "state", "created_at"),
)

delivery_waits = in_state(deliveries.c.state, *OPEN)

delivery_failed = in_state(
    deliveries.c.state, DeliveryState.EXHAUSTED, DeliveryState.BLOCKED, DeliveryState.CANCELLED
)

is_notice = in_state(deliveries.c.kind, WebhookKind.HUMAN_INPUT)

# Apart, so that nobody looks for notices among everything else.
partial_index(
    "ix_deliveries_due",
    deliveries.c.endpoint_id,
    deliveries.c.state,
    deliveries.c.due_at,
    deliveries.c.sequence,
    where=delivery_waits & ~is_notice,
)
partial_index(
    "ix_deliveries_notices",
    deliveries.c.endpoint_id,
    deliveries.c.due_at,
    where=delivery_waits & is_notice,
)
partial_index(
    "ix_deliveries_failed",
    deliveries.c.endpoint_id,
    deliveries.c.created_at,
    deliveries.c.id,
    where=delivery_failed,
)
partial_index(
    "ix_deliveries_wake", deliveries.c.endpoint_id, deliveries.c.wake_at, where=delivery_waits
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    # A replayed delivery counts its attempts anew: their number is no key.
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("delivery_id", Uuid, ForeignKey("deliveries.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", Utc, nullable=False),
    Column("status", Integer),
    Column("seconds", Float, nullable=False),
    Column("error", Words),
    Column("answer", Words, key="response", nullable=False),
    Index(None, "delivery_id"),
    Index(None, "at"),
)

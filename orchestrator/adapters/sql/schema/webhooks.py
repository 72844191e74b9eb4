"""The tables of what is sent out."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, Table

from orchestrator.adapters.sql.column_types import Compressed, State, Utc, Uuid, Words
from orchestrator.adapters.sql.schema.base import (
    Number,
    execution_key,
    in_state,
    metadata,
    partial_index,
)
from orchestrator.domain.delivery import DeliveryState

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
    execution_key(),
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

partial_index(
    "ix_deliveries_due",
    deliveries.c.endpoint_id,
    deliveries.c.state,
    deliveries.c.due_at,
    deliveries.c.sequence,
    where=delivery_waits,
)
partial_index("ix_deliveries_wake", deliveries.c.wake_at, where=delivery_waits)

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
    Column("answer", Words, nullable=False),
    Index(None, "delivery_id"),
)

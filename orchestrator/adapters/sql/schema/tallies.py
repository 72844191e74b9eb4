"""The tables of what is counted as it happens, by triggers: see the migration that adds them."""

from __future__ import annotations

from sqlalchemy import Column, Float, String, Table

from orchestrator.adapters.sql.column_types import Words
from orchestrator.adapters.sql.schema.base import Number, metadata

tallies = Table(
    "tallies",
    metadata,
    Column("what", String(32), primary_key=True),
    Column("deployment", Words, primary_key=True),
    Column("label", Words, primary_key=True),
    Column("amount", Float, nullable=False),
)

tally_deltas = Table(
    "tally_deltas",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("what", String(32), nullable=False),
    Column("deployment", Words, nullable=False),
    Column("label", Words, nullable=False),
    Column("amount", Float, nullable=False),
)

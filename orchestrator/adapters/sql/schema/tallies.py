"""The tables of what is counted as it happens, by triggers: see the migration that adds them."""

from __future__ import annotations

from sqlalchemy import Column, Float, Integer, String, Table

from orchestrator.adapters.sql.column_types import JsonText, Utc, Uuid, Words
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

review_tallies = Table(
    "review_tallies",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("deployment", Words, primary_key=True),
    Column("what", String(16), primary_key=True),
    Column("label", Words, primary_key=True),
    # By class, how many and how much: a row for each would be twenty times as many.
    Column("counts", JsonText, nullable=False),
)

review_tally_mark = Table(
    "review_tally_mark",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("closed_at", Utc, nullable=False),
    Column("review_id", Uuid, nullable=False),
)
"""Its one row says up to which closed review the tallies have counted."""

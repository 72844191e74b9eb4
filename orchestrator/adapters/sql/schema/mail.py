"""The tables of the mails that came in, and of the mailboxes that they are fetched from."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, Table

from orchestrator.adapters.sql.column_types import State, Utc, Uuid, Words
from orchestrator.adapters.sql.schema.base import in_state, metadata, partial_index
from orchestrator.domain.inbound_mail import MailState, WhyRefused

inbound_mails = Table(
    "inbound_mails",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("message_id", Words, nullable=False, unique=True),
    Column("received_at", Utc, nullable=False),
    Column("raw", LargeBinary),
    Column("state", State(MailState), nullable=False),
    Column("wake_at", Utc, nullable=False),
    Column("publishes", Integer, nullable=False),
    Column("reason", Words),
    Column("deployment", Words),
    Column("execution_id", Uuid),
    Column("review_id", Uuid),
    Column("told", Words),
    Column("sender", Words),
    Column("why", State(WhyRefused)),
    Index(None, "received_at", "id"),
    Index(None, "execution_id"),
)

mail_waits = in_state(inbound_mails.c.state, MailState.WAITING)

partial_index("ix_inbound_mails_waiting", inbound_mails.c.wake_at, where=mail_waits)
partial_index("ix_inbound_mails_unread", inbound_mails.c.received_at, where=mail_waits)
partial_index(
    "ix_inbound_mails_told",
    inbound_mails.c.told,
    inbound_mails.c.received_at,
    where=inbound_mails.c.told.is_not(None),
)

# When it was looked at last, when last with success, and what was in the way since.
mailboxes = Table(
    "mailboxes",
    metadata,
    Column("name", Words, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("read_at", Utc),
    Column("error", Words),
)

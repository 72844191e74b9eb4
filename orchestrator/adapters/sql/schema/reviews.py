"""The tables of reviews, and of who is asked in them."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    false,
    true,
)

from orchestrator.adapters.sql.column_types import (
    NamesText,
    QuestionText,
    State,
    TermsText,
    Utc,
    Uuid,
    Words,
)
from orchestrator.adapters.sql.schema.base import execution_key, in_state, metadata, partial_index
from orchestrator.domain.recipient import RecipientState
from orchestrator.domain.review import ReviewState

reviews = Table(
    "reviews",
    metadata,
    Column("id", Uuid, primary_key=True),
    execution_key(),
    Column("deployment", Words, nullable=False),
    Column("task_run_id", Uuid, nullable=False),
    Column("path", Words, nullable=False),
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
    Column("question", QuestionText),
    Column("outcome", Words),
    Column("weighing", Boolean, nullable=False, server_default=false()),
    Column("note", Words),
    Column("token_hash", String(64)),
    Column("terms", TermsText),
    Column("rung", Integer, nullable=False, server_default="0"),
    Column("remind_at", Utc),
    Column("escalate_at", Utc),
    Column("answer_at", Utc),
    Column("sla_at", Utc),
    Column("claimed_by", Words),
    Column("claim_until", Utc),
    Column("due_at", Utc),
    Column("deadline_at", Utc),
    Column("scope", NamesText),
    Column("read_by", Uuid),
    Column("taken_back_at", Utc),
    Column("taken_back_by", Words),
    Column("passed_on_as", Uuid),
    Index(None, "execution_id"),
    Index(None, "deployment", "state", "created_at"),
)

review_is_open = in_state(reviews.c.state, ReviewState.PENDING)

partial_index(
    "ix_reviews_token_hash", reviews.c.token_hash, where=reviews.c.token_hash.is_not(None)
)
partial_index("ix_reviews_expiry", reviews.c.expires_at, where=review_is_open)
partial_index(
    "ix_reviews_due", reviews.c.due_at, where=review_is_open & reviews.c.due_at.is_not(None)
)
partial_index("ix_reviews_open", reviews.c.created_at, reviews.c.id, where=review_is_open)
partial_index(
    "ix_reviews_ruled",
    reviews.c.created_at,
    reviews.c.id,
    where=review_is_open & reviews.c.terms.is_not(None),
)
review_is_closed = reviews.c.closed_at.is_not(None)

# What waits, and what was decided, of all deployments or of one: pages of lists that grow.
_waiting = (reviews.c.deadline_at, reviews.c.created_at, reviews.c.id)
_done = (reviews.c.closed_at, reviews.c.id)
partial_index("ix_reviews_waiting", *_waiting, where=review_is_open)
partial_index("ix_reviews_waiting_of", reviews.c.deployment, *_waiting, where=review_is_open)
partial_index("ix_reviews_done", *_done, where=review_is_closed)
partial_index("ix_reviews_done_of", reviews.c.deployment, *_done, where=review_is_closed)

recipients = Table(
    "recipients",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("review_id", Uuid, ForeignKey("reviews.id", ondelete="CASCADE"), nullable=False),
    execution_key(),
    Column("deployment", Words, nullable=False),
    Column("address", Words, nullable=False),
    Column("state", State(RecipientState), nullable=False),
    Column("version", Integer, nullable=False),
    Column("rung", Integer, nullable=False),
    Column("reason", Words, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("token_hash", String(64)),
    Column("trouble", Words),
    Column("snoozed_until", Utc),
    Column("delegated_to", Words),
    Column("decided_at", Utc),
    Column("approved", Boolean),
    Column("outcome", Words),
    Column("words", Words),
    Column("channel", Words),
    Column("by_group", Words),
    # The token itself, encrypted, for reminders; nobody has it any more once the review is closed.
    Column("token", LargeBinary),
    # Whether the review is open: what waits for a person is found without looking at the rest.
    Column("waits", Boolean, nullable=False, server_default=true()),
    Index(None, "review_id"),
    Index(None, "execution_id"),
)

# Nobody has two votes in one review.
_may_count = in_state(recipients.c.state, RecipientState.ASKED, RecipientState.VOTED)
Index(
    "uq_recipients_person",
    recipients.c.review_id,
    recipients.c.address,
    unique=True,
    sqlite_where=_may_count,
    postgresql_where=_may_count,
)

recipient_waits = recipients.c.waits & in_state(recipients.c.state, RecipientState.ASKED)

partial_index(
    "ix_recipients_token_hash", recipients.c.token_hash, where=recipients.c.token_hash.is_not(None)
)
partial_index(
    "ix_recipients_waiting",
    recipients.c.address,
    recipients.c.by_group,
    recipients.c.deployment,
    recipients.c.review_id,
    where=recipient_waits,
)

recipient_is_troubled = recipients.c.trouble.is_not(None)

partial_index(
    "ix_recipients_troubled",
    recipients.c.address,
    recipients.c.execution_id,
    where=recipient_is_troubled,
)

absences = Table(
    "absences",
    metadata,
    Column("address", Words, primary_key=True),
    Column("until", Utc, nullable=False),
    Column("to", Words),
)

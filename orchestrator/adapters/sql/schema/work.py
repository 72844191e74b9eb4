"""The tables of executions and of what belongs to them."""

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
    Text,
    UniqueConstraint,
    false,
)

from orchestrator.adapters.sql.column_types import (
    JsonText,
    State,
    SubscriptionsText,
    Utc,
    Uuid,
    Words,
)
from orchestrator.adapters.sql.schema.base import (
    Number,
    execution_key,
    in_state,
    metadata,
    not_among,
    partial_index,
)
from orchestrator.domain.calls import Approval, CallKind
from orchestrator.domain.checkpoint import READABLE_FORMATS, Cause
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.task_run import TaskRunState
from orchestrator.domain.timeline import REVIEW_EVENTS

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
    Column("purged_at", Utc),
    Column("forked_from", Uuid),
    Column("forked_at", Integer),
    Column("requester", Words),
    Column("entries", Integer, nullable=False, server_default="0"),
    Column("last_digest", String(71)),
    Index(None, "deployment", "created_at"),
    Index(None, "created_at", "id"),
    Index(None, "plan_digest", "deployment"),
)

partial_index("ix_executions_batch", executions.c.batch, where=executions.c.batch.is_not(None))
partial_index(
    "ix_executions_purge", executions.c.finished_at, where=executions.c.purged_at.is_(None)
)

task_runs = Table(
    "task_runs",
    metadata,
    Column("id", Uuid, primary_key=True),
    execution_key(),
    Column("deployment", Words, nullable=False),
    Column("path", Words, nullable=False),
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
    Column("trace", JsonText),
    Column("current_step", Words),
    Column("held", Boolean, nullable=False, server_default=false()),
    Column("saved", JsonText),
    Index(None, "execution_id"),
)

task_run_waits = in_state(task_runs.c.state, TaskRunState.DUE)
task_run_is_held = task_run_waits & task_runs.c.held
task_run_is_published = task_run_waits & ~task_runs.c.held
task_run_is_claimed = in_state(task_runs.c.state, TaskRunState.RUNNING)

task_run_is_troubled = in_state(
    task_runs.c.state, TaskRunState.DUE, TaskRunState.RUNNING
) & task_runs.c.error.is_not(None)

partial_index("ix_task_runs_due", task_runs.c.deployment, task_runs.c.due_at, where=task_run_waits)
partial_index(
    "ix_task_runs_troubled", task_runs.c.attempts, task_runs.c.id, where=task_run_is_troubled
)
partial_index("ix_task_runs_wake", task_runs.c.wake_at, where=task_run_is_published)
for _name, _where in (
    ("ix_task_runs_published", task_run_is_published),
    ("ix_task_runs_held", task_run_is_held),
):
    partial_index(_name, task_runs.c.deployment, task_runs.c.due_at, where=_where)
partial_index("ix_task_runs_lease", task_runs.c.lease_until, where=task_run_is_claimed)
partial_index("ix_task_runs_claimed_by", task_runs.c.claimed_by, where=task_run_is_claimed)
_task_run_is_over = in_state(
    task_runs.c.state, TaskRunState.FAILED, TaskRunState.WITHDRAWN, TaskRunState.SUPERSEDED
)
Index(
    "uq_task_runs_round",
    task_runs.c.execution_id,
    task_runs.c.path,
    task_runs.c.round,
    unique=True,
    # What failed or was withdrawn may run again in its round, when a person asks for a retry. What
    # was superseded does not, but may be brought back to be judged once more.
    sqlite_where=~_task_run_is_over,
    postgresql_where=~_task_run_is_over,
)

calls = Table(
    "calls",
    metadata,
    # No key of another table but the run's: who writes a call has locked that row and no other.
    Column("execution_id", Uuid, primary_key=True),
    Column("path", Words, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("task_run_id", Uuid, ForeignKey("task_runs.id", ondelete="CASCADE"), nullable=False),
    Column("step", Words, nullable=False),
    Column("kind", State(CallKind), nullable=False),
    Column("name", Words, nullable=False),
    Column("digest", String(71), nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("note", Words),
    Column("arguments", LargeBinary),
    Column("usage", JsonText, nullable=False),
    Column("answer", LargeBinary),
    Column("approval", State(Approval)),
    # Whoever encrypts anew goes by it. Rows of the version before have none: they are gone soon.
    Column("id", Uuid, index=True, unique=True),
    Index(None, "task_run_id"),
)

outputs = Table(
    "outputs",
    metadata,
    Column("id", Uuid, primary_key=True),
    execution_key(),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("preview", Text),
    Index(None, "execution_id"),
)

shared_outputs = Table(
    "shared_outputs",
    metadata,
    Column("output_id", Uuid, ForeignKey("outputs.id", ondelete="CASCADE"), primary_key=True),
    Column("execution_id", Uuid, ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True),
    Index(None, "execution_id"),
)
"""Who else goes by an output than the execution that it is of: forks, until they are purged."""

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("id", Uuid, primary_key=True),
    execution_key(),
    Column("number", Integer, nullable=False),
    Column("plan_digest", String(71), nullable=False),
    Column("cause", State(Cause), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("format", Integer, nullable=False),
    Column("path", Words, nullable=False, server_default=""),
    Column("name", Words, nullable=False, server_default=""),
    Column("output_id", Uuid),
    Column("review_id", Uuid),
    Column("state", LargeBinary),
    Column("seconds", Float),
    Column("usage", JsonText, nullable=False, server_default="{}"),
    Column("change", JsonText),
    UniqueConstraint("execution_id", "number"),
)

checkpoint_is_foreign = not_among(checkpoints.c.format, READABLE_FORMATS)
"""Nobody reads it: it was written by a newer version, or is damaged."""

partial_index("ix_checkpoints_foreign", checkpoints.c.execution_id, where=checkpoint_is_foreign)

timeline = Table(
    "timeline",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    execution_key(),
    Column("deployment", Words, nullable=False),
    Column("at", Utc, nullable=False),
    Column("actor", Words, nullable=False),
    Column("event", Words, nullable=False),
    Column("subject_id", Words, nullable=False),
    Column("task_name", Words),
    Column("round", Integer),
    Column("details", JsonText, nullable=False),
    Column("endpoint_id", Uuid),
    Column("place", Integer),
    Column("digest", String(71)),
    Column("salt", String(64)),
    Index(None, "execution_id", "number"),
    Index(None, "deployment", "number"),
)

tells_of_review = in_state(timeline.c.event, *REVIEW_EVENTS)

partial_index("ix_timeline_reviews", timeline.c.number, where=tells_of_review)

partial_index(
    "ix_timeline_endpoint",
    timeline.c.endpoint_id,
    timeline.c.number,
    where=timeline.c.endpoint_id.is_not(None),
)

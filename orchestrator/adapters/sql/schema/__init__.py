"""The tables. Columns that mirror a noun of the domain bear the names of its fields."""

from orchestrator.adapters.sql.schema.base import in_state, metadata
from orchestrator.adapters.sql.schema.surroundings import (
    idempotency_keys,
    intake_messages,
    intake_waits,
    manifests,
    plans,
    tokens,
    workers,
)
from orchestrator.adapters.sql.schema.tallies import tallies, tally_deltas
from orchestrator.adapters.sql.schema.webhooks import (
    deliveries,
    delivery_attempts,
    delivery_waits,
    drains,
    endpoints,
    hosts,
    is_notice,
    nudges,
    signing_secrets,
)
from orchestrator.adapters.sql.schema.work import (
    checkpoints,
    executions,
    outputs,
    review_is_open,
    reviews,
    task_run_is_claimed,
    task_run_is_troubled,
    task_run_waits,
    task_runs,
    timeline,
)

__all__ = [
    "checkpoints",
    "deliveries",
    "delivery_attempts",
    "delivery_waits",
    "drains",
    "endpoints",
    "executions",
    "hosts",
    "idempotency_keys",
    "in_state",
    "intake_messages",
    "intake_waits",
    "is_notice",
    "manifests",
    "metadata",
    "nudges",
    "outputs",
    "plans",
    "review_is_open",
    "reviews",
    "signing_secrets",
    "tallies",
    "tally_deltas",
    "task_run_is_claimed",
    "task_run_is_troubled",
    "task_run_waits",
    "task_runs",
    "timeline",
    "tokens",
    "workers",
]

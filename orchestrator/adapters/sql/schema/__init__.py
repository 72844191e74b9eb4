"""The tables. Columns that mirror a noun of the domain bear the names of its fields."""

from orchestrator.adapters.sql.schema.base import metadata
from orchestrator.adapters.sql.schema.surroundings import (
    heartbeat,
    idempotency_keys,
    intake_messages,
    intake_waits,
    manifests,
    plans,
    tokens,
    workers,
)
from orchestrator.adapters.sql.schema.webhooks import (
    deliveries,
    delivery_attempts,
    delivery_waits,
    drains,
    endpoints,
    hosts,
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
    "heartbeat",
    "hosts",
    "idempotency_keys",
    "intake_messages",
    "intake_waits",
    "manifests",
    "metadata",
    "nudges",
    "outputs",
    "plans",
    "review_is_open",
    "reviews",
    "signing_secrets",
    "task_run_is_claimed",
    "task_run_waits",
    "task_runs",
    "timeline",
    "tokens",
    "workers",
]

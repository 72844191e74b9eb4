"""What runs every second, or while somebody waits, reads no whole table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event

from orchestrator.adapters.sql import SqlStore
from orchestrator.adapters.sql.schema import metadata
from orchestrator.domain.review import Review, ReviewState
from orchestrator.ports import (
    DeliveryFilter,
    EntryFilter,
    ExecutionFilter,
    MailFilter,
    Position,
    Transaction,
)

AT = datetime.fromisoformat("2026-11-22T12:00:00+00:00")
MINUTE = timedelta(minutes=1)
REVIEW = Review(
    *("r", "x", "d", "t", "write", "write", 1, ReviewState.PENDING, 1, "o", "sha256:1", AT),
    deadline_at=AT,
    closed_at=AT,
)
COUNTED = ("tallies", "tally_deltas")
SCANS = tuple(f"SCAN {table}" for table in metadata.tables if table not in COUNTED)

SWEPT: dict[str, Callable[[Transaction], object]] = {
    "ix_task_runs_wake": lambda tx: tx.task_runs.to_wake(AT, 10),
    "ix_task_runs_published": lambda tx: tx.task_runs.published("d", AT, 8),
    "ix_task_runs_held": lambda tx: (
        tx.task_runs.held("d", 1),
        tx.task_runs.held_deployments(),
    ),
    "ix_task_runs_execution_id": lambda tx: tx.task_runs.uncommitted("x"),
    "sqlite_autoindex_checkpoints": lambda tx: tx.checkpoints.of("x"),
    "ix_task_runs_lease": lambda tx: tx.task_runs.lapsed(10),
    "ix_task_runs_claimed_by": lambda tx: tx.task_runs.claimed_by("w"),
    "ix_reviews_expiry": lambda tx: tx.reviews.overdue(AT, 10),
    "ix_reviews_due": lambda tx: tx.reviews.due(AT, 10),
    "ix_reviews_waiting": lambda tx: (
        tx.reviews.waiting(None, None, 10),
        tx.reviews.waiting(None, REVIEW, 10),
    ),
    "ix_reviews_waiting_of": lambda tx: (
        tx.reviews.waiting({"d"}, None, 10),
        tx.reviews.waiting({"d"}, REVIEW, 10),
    ),
    "ix_reviews_done": lambda tx: (
        tx.reviews.done(None, None, 10),
        tx.reviews.done(None, REVIEW, 10),
    ),
    "INDEX ix_reviews_done": lambda tx: (
        tx.analytics.closed(None, AT, 10),
        tx.analytics.closed(Position(AT, "r"), AT, 10, AT - MINUTE),
    ),
    "INDEX ix_reviews_done_of": lambda tx: tx.analytics.closed(None, AT, 10, None, {"d"}),
    "sqlite_autoindex_review_tallies": lambda tx: (
        tx.analytics.sums("2026-11-01", "2026-11-30", None),
        tx.analytics.sums("2026-11-01", "2026-11-30", {"d"}),
    ),
    "ix_reviews_done_of": lambda tx: (
        tx.reviews.done({"d"}, None, 10),
        tx.reviews.done({"d"}, REVIEW, 10),
    ),
    "INDEX ix_recipients_waiting": lambda tx: (
        tx.reviews.waiting(None, None, 10, "ann@x.com"),
        tx.reviews.waiting(None, None, 10, "ann@x.com", by_group=True),
        tx.reviews.waiting({"d"}, None, 10, "ann@x.com", by_group=False),
    ),
    "recipients USING INDEX ix_recipients_waiting": lambda tx: (
        tx.reviews.count_waiting(None, 10, "ann@x.com", by_group=True),
        tx.reviews.count_waiting({"d", "e"}, 10, "ann@x.com", by_group=False),
    ),
    "sqlite_autoindex_sessions": lambda tx: (
        tx.sessions.by_hash("h"),
        tx.sessions.live(["h"], AT),
        tx.sessions.seen("h", AT),
        tx.sessions.end("h"),
    ),
    "ix_sessions_expires_at": lambda tx: tx.sessions.forget(AT),
    "ix_recipients_waiting": lambda tx: tx.reviews.pending(None, None, 10, "ann@example.com"),
    "ix_recipients_token_hash": lambda tx: tx.recipients.by_token("h"),
    "ix_recipients_troubled": lambda tx: tx.recipients.troubled("d", "ann@example.com", 10),
    "ix_recipients_review_id": lambda tx: (tx.recipients.of(["r"]), tx.recipients.close("r")),
    "ix_recipients_execution_id": lambda tx: tx.recipients.purge("x"),
    "ix_deliveries_due": lambda tx: tx.deliveries.claim_due("e", "w", AT, MINUTE, 10),
    "ix_deliveries_wake": lambda tx: tx.deliveries.to_wake(AT, 10),
    "ix_intake_messages_received_at_id": lambda tx: tx.intake.newest(None, None, 10),
    "ix_intake_messages_state_received_at_id": (
        lambda tx: (tx.intake.newest("REFUSED", None, 10), tx.intake.backlog())
    ),
    "ix_intake_messages_deployment_received_at_id": lambda tx: tx.intake.newest(None, "d", 10),
    "ix_intake_messages_deployment_state_received_at_id": (
        lambda tx: (tx.intake.newest("REFUSED", {"d"}, 10), tx.intake.waiting(["d"], 10))
    ),
    "ix_inbound_mails_received_at_id": lambda tx: (
        tx.mails.page(MailFilter(), Position(AT, "m"), 10),
        tx.mails.refused(AT),
    ),
    "ix_inbound_mails_unread": lambda tx: tx.mails.unread(),
    "ix_deliveries_failed": lambda tx: tx.deliveries.closed(
        DeliveryFilter(endpoint_id="e"), Position(AT, "d"), 10
    ),
    "ix_timeline_execution_id_number": lambda tx: tx.timeline.of("x"),
    "INDEX ix_timeline_execution_id_number": lambda tx: tx.timeline.beyond(
        0, 9, 9, EntryFilter(execution_id="x")
    ),
    "ix_timeline_deployment_number": lambda tx: tx.timeline.beyond(
        0, 9, 9, EntryFilter(deployments={"d"})
    ),
    "ix_timeline_reviews": lambda tx: tx.timeline.beyond(0, 9, 9, EntryFilter(reviews=True)),
    "ix_executions_created_at_id": lambda tx: tx.executions.page(ExecutionFilter(), None, 10),
    "ix_executions_batch": (
        lambda tx: tx.executions.page(ExecutionFilter(state="QUEUED", batch="b"), None, 10)
    ),
    "ix_reviews_ruled": lambda tx: tx.reviews.unassigned(10),
    "ix_reviews_open": lambda tx: (
        tx.reviews.pending(None, None, 10),
        tx.reviews.count_waiting(None, 10),
    ),
    "ix_deliveries_notices": lambda tx: tx.deliveries.has_due_notice("e", AT),
    "ix_task_runs_due": lambda tx: tx.figures.due_task_runs(AT),
    "ix_executions_plan_digest_deployment": lambda tx: (
        tx.figures.plans_begun_with(),
        tx.figures.open_with_plan("sha256:1"),
    ),
    "ix_checkpoints_foreign": lambda tx: tx.figures.open_with_foreign_checkpoint(),
    "ix_task_runs_troubled": lambda tx: tx.figures.troubled(10),
    "ix_reviews_deployment_state_created_at": lambda tx: (
        tx.figures.open_reviews(),
        tx.reviews.count_waiting({"d"}, 10),
    ),
    "ix_delivery_attempts_at": lambda tx: tx.figures.tries(AT),
    "ix_endpoints_created_at_id": lambda tx: tx.figures.endpoints(10),
    "ix_intake_messages_execution": lambda tx: tx.intake.purge("x"),
    "ix_outputs_execution_id": lambda tx: tx.outputs.purge("x"),
    "ix_reviews_execution_id": lambda tx: tx.reviews.purge("x"),
}


@pytest.fixture
def explained(store: SqlStore) -> list[str]:
    """How SQLite goes about each query of the store."""
    plans: list[str] = []

    def explain(
        connection: object, cursor: object, statement: str, values: object, *_: object
    ) -> None:
        if statement.startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
            rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            plans.extend(row[3] for row in rows)

    event.listen(store._writer, "before_cursor_execute", explain)
    return plans


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("index", SWEPT)
def test_the_sweep_reads_by_an_index(store: SqlStore, explained: list[str], index: str) -> None:
    store.transact(SWEPT[index])

    assert any(index in step for step in explained)
    assert not any(step.startswith(SCANS) and index not in step for step in explained)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_nobody_can_read_is_not_looked_for_in_every_open_execution(
    store: SqlStore, explained: list[str]
) -> None:
    store.transact(lambda tx: tx.figures.open_with_foreign_checkpoint())

    first, then = (step for step in explained if " INDEX " in step)
    assert "ix_checkpoints_foreign" in first
    assert "pk_executions" in then or "autoindex_executions" in then


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_whether_anything_is_due_is_one_statement_and_by_indexes(
    store: SqlStore, explained: list[str]
) -> None:
    store.read(lambda tx: tx.due.anything(AT, AT - MINUTE, AT - MINUTE))

    searched = {step.split(" INDEX ")[1].split(" ")[0] for step in explained if " INDEX " in step}
    wanted = {
        *("task_runs_wake", "task_runs_held", "task_runs_lease", "deliveries_wake", "reviews_due"),
        *("reviews_expiry", "reviews_done", "executions_purge", "inbound_mails_waiting"),
        "endpoints_quiet",
    }
    of_few_rows = ("drains", "heartbeat", "review_tally_mark", "tally_deltas")
    scanned = {step.split()[1] for step in explained if step.startswith(SCANS)}
    assert {f"ix_{each}" for each in wanted} <= searched
    assert scanned <= {*of_few_rows, "task_runs"}  # those that are held, along their own index

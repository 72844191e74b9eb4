"""Figures are counted as things happen; drains wait for room; bodies and outputs know their size.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_UTC = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_DELIVERY_WAITS = "state IN ('PENDING', 'RETRYING')"

_PARTIAL_INDEXES = (
    ("ix_deliveries_wake", "deliveries", ["endpoint_id", "wake_at"], _DELIVERY_WAITS),
    (
        "ix_deliveries_due",
        "deliveries",
        ["endpoint_id", "state", "due_at", "sequence"],
        f"{_DELIVERY_WAITS} AND (kind NOT IN ('human_input'))",
    ),
    (
        "ix_deliveries_notices",
        "deliveries",
        ["endpoint_id", "due_at"],
        f"{_DELIVERY_WAITS} AND kind IN ('human_input')",
    ),
    ("ix_task_runs_due", "task_runs", ["deployment", "due_at"], "state IN ('DUE')"),
    (
        "ix_task_runs_troubled",
        "task_runs",
        ["attempts", "id"],
        "state IN ('DUE', 'RUNNING') AND error IS NOT NULL",
    ),
    (
        "ix_intake_messages_execution",
        "intake_messages",
        ["execution_id"],
        "execution_id IS NOT NULL",
    ),
)

_REPLACED_INDEXES = (
    ("ix_deliveries_wake", ["wake_at"]),
    ("ix_deliveries_due", ["endpoint_id", "state", "due_at", "sequence"]),
)
"""Those of the deliveries that wait, as they were."""

_BUCKETS = " ".join(
    f"WHEN {{row}}.execution_time <= {bound} THEN 'within_{bound}'"
    for bound in (1, 5, 15, 60, 300, 900, 1800)
)

_COUNTED = {
    "executions": (
        ("'executions'", "{row}.deployment", "{row}.state", "1"),
    ),
    "reviews": (
        ("'reviews'", "{row}.deployment", "'PENDING'", "CASE {row}.state WHEN 'PENDING' THEN 1 ELSE 0 END"),
    ),
    "task_runs": (
        ("'tasks'", "{row}.deployment", "{row}.task_name", "1"),
        ("'due'", "{row}.deployment", "'DUE'", "CASE {row}.state WHEN 'DUE' THEN 1 ELSE 0 END"),
        ("'runs'", "{row}.deployment", "{row}.task_name", "CASE WHEN {row}.execution_time IS NULL THEN 0 ELSE 1 END"),
        ("'seconds'", "{row}.deployment", "{row}.task_name", "COALESCE({row}.execution_time, 0)"),
        (f"CASE {_BUCKETS} ELSE 'longer' END", "{row}.deployment", "{row}.task_name", "CASE WHEN {row}.execution_time IS NULL THEN 0 ELSE 1 END"),
        ("'retries'", "{row}.deployment", "{row}.task_name", "CASE WHEN {row}.attempts > 1 THEN {row}.attempts - 1 ELSE 0 END"),
    ),
    "deliveries": (
        ("'deliveries'", "{row}.deployment", "{row}.state", "1"),
        ("'waiting'", "''", "{row}.endpoint_id", f"CASE WHEN {{row}}.{_DELIVERY_WAITS} THEN 1 ELSE 0 END"),
    ),
}
"""What a row of each table counts for: what, of which deployment, its label, and how much."""

_WATCHED = {
    "executions": "state",
    "reviews": "state",
    "task_runs": "state, execution_time, attempts",
    "deliveries": "state",
}


def _sums(table: str, rows: dict[str, str], source: str = "") -> str:
    """The query for what rows count for; ``rows`` are their names with a sign."""
    counts = [
        f"SELECT {what} AS what, {deployment} AS deployment, {label} AS label, "
        f"{sign}({amount}) AS amount {source}".replace("{row}", row)
        for row, sign in rows.items()
        for what, deployment, label, amount in _COUNTED[table]
    ]
    return (
        "SELECT what, deployment, label, SUM(amount) FROM ("
        + " UNION ALL ".join(counts)
        + ") counted GROUP BY what, deployment, label HAVING SUM(amount) <> 0"
    )


def _delta(table: str, rows: dict[str, str]) -> str:
    return f"INSERT INTO tally_deltas (what, deployment, label, amount) {_sums(table, rows)};"


def _triggers(table: str) -> tuple[str, ...]:
    changes = {
        "INSERT": {"NEW": ""},
        "DELETE": {"OLD": "-"},
        f"UPDATE OF {_WATCHED[table]}": {"OLD": "-", "NEW": ""},
    }
    if op.get_bind().dialect.name == "sqlite":
        return tuple(
            f"CREATE TRIGGER tally_{table}_{change.split()[0].lower()} AFTER {change} ON {table} "
            f"BEGIN {_delta(table, rows)} END"
            for change, rows in changes.items()
        )
    cases = " ".join(
        f"IF TG_OP = '{change.split()[0]}' THEN {_delta(table, rows)} END IF;"
        for change, rows in changes.items()
    )
    return (
        f"CREATE FUNCTION tally_{table}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {cases} RETURN NULL; END $$",
        f"CREATE TRIGGER tally_{table} AFTER {' OR '.join(changes)} ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION tally_{table}()",
    )


def _tally_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("amount", sa.Float(), nullable=False),
    )


def upgrade() -> None:
    """Add the columns and tables, count what is there, and have triggers go on with it."""
    op.add_column("drains", sa.Column("waits_since", _UTC, nullable=True))
    op.add_column(
        "drains", sa.Column("has_notice", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column(
        "deliveries", sa.Column("size", sa.Integer(), nullable=False, server_default="0")
    )
    # At least that: deflated, as they lie there.
    op.execute(f"UPDATE deliveries SET size = LENGTH(body) WHERE {_DELIVERY_WAITS}")
    op.add_column("outputs", sa.Column("preview", sa.Text(), nullable=True))
    for name, _ in _REPLACED_INDEXES:
        op.drop_index(name, "deliveries")
    for name, table, columns, condition in _PARTIAL_INDEXES:
        where = sa.text(condition)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
    op.create_table(
        "tallies",
        *_tally_columns(),
        sa.PrimaryKeyConstraint("what", "deployment", "label", name="pk_tallies"),
    )
    op.create_table(
        "tally_deltas",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        *_tally_columns(),
        sa.PrimaryKeyConstraint("id", name="pk_tally_deltas"),
    )
    for table in _COUNTED:
        for trigger in _triggers(table):
            op.execute(trigger)
        counted = _sums(table, {"r": ""}, f"FROM {table} r")
        op.execute(f"INSERT INTO tallies (what, deployment, label, amount) {counted}")
    # A purge takes people's words as well from now on: let it come back for them.
    op.execute("UPDATE executions SET purged_at = NULL WHERE purged_at IS NOT NULL")


def downgrade() -> None:
    """Take it away again."""
    for table in _COUNTED:
        if op.get_bind().dialect.name == "sqlite":
            for change in ("insert", "delete", "update"):
                op.execute(f"DROP TRIGGER IF EXISTS tally_{table}_{change}")
        else:
            op.execute(f"DROP TRIGGER IF EXISTS tally_{table} ON {table}")
            op.execute(f"DROP FUNCTION IF EXISTS tally_{table}()")
    op.drop_table("tally_deltas")
    op.drop_table("tallies")
    for name, table, _, _ in _PARTIAL_INDEXES:
        op.drop_index(name, table)
    where = sa.text(_DELIVERY_WAITS)
    for name, columns in _REPLACED_INDEXES:
        op.create_index(
            name, "deliveries", columns, sqlite_where=where, postgresql_where=where
        )
    for table, dropped in (
        ("outputs", ("preview",)),
        ("deliveries", ("size",)),
        ("drains", ("waits_since", "has_notice")),
    ):
        with op.batch_alter_table(table) as altered:
            for column in dropped:
                altered.drop_column(column)

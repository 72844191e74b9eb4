"""What is tried again is counted as it is, and stays counted: a counter may only rise.

Revision ID: 0032
Revises: 0031
"""

from __future__ import annotations

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_BUCKETS = " ".join(
    f"WHEN {{row}}.execution_time <= {bound} THEN 'within_{bound}'"
    for bound in (1, 5, 15, 60, 300, 900, 1800)
)
_ACCEPTED = "CASE WHEN {row}.execution_time IS NULL THEN 0 ELSE 1 END"

_COUNTED = (
    ("'tasks'", "{row}.task_name", "1"),
    ("'due'", "'DUE'", "CASE {row}.state WHEN 'DUE' THEN 1 ELSE 0 END"),
    ("'runs'", "{row}.task_name", _ACCEPTED),
    ("'seconds'", "{row}.task_name", "COALESCE({row}.execution_time, 0)"),
    (f"CASE {_BUCKETS} ELSE 'longer' END", "{row}.task_name", _ACCEPTED),
)
"""What a task run counts for: what, its label, and how much."""

_BY_ATTEMPTS = (
    "'retries'",
    "{row}.task_name",
    "CASE WHEN {row}.attempts > 1 THEN {row}.attempts - 1 ELSE 0 END",
)
"""As it was: whatever lowered the attempts took retries back."""

_TRIED_AGAIN = (
    "INSERT INTO tally_deltas (what, deployment, label, amount) "
    "SELECT 'retries', NEW.deployment, NEW.task_name, 1 "
    "WHERE OLD.state = 'RUNNING' AND NEW.state = 'DUE' AND NEW.attempts = OLD.attempts;"
)
"""What is given back has an attempt less."""

_CHANGES = {
    "INSERT": {"NEW": ""},
    "DELETE": {"OLD": "-"},
    "UPDATE OF state, execution_time, attempts": {"OLD": "-", "NEW": ""},
}


def upgrade() -> None:
    """Have the triggers of task runs count so. What they counted before stays."""
    _replace_triggers(_COUNTED, on_update=_TRIED_AGAIN)


def downgrade() -> None:
    """Have them count as before."""
    _replace_triggers((*_COUNTED, _BY_ATTEMPTS), on_update="")


def _replace_triggers(counted: tuple[tuple[str, str, str], ...], on_update: str) -> None:
    deltas = {change: _delta(counted, rows) for change, rows in _CHANGES.items()}
    bodies = {
        change: f"{delta} {on_update}" if change.startswith("UPDATE") else delta
        for change, delta in deltas.items()
    }
    if op.get_bind().dialect.name == "sqlite":
        for change, body in bodies.items():
            name = f"tally_task_runs_{change.split()[0].lower()}"
            op.execute(f"DROP TRIGGER IF EXISTS {name}")
            op.execute(f"CREATE TRIGGER {name} AFTER {change} ON task_runs BEGIN {body} END")
        return
    cases = " ".join(
        f"IF TG_OP = '{change.split()[0]}' THEN {body} END IF;" for change, body in bodies.items()
    )
    op.execute(
        "CREATE OR REPLACE FUNCTION tally_task_runs() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {cases} RETURN NULL; END $$"
    )


def _delta(counted: tuple[tuple[str, str, str], ...], rows: dict[str, str]) -> str:
    """Append what rows count for; ``rows`` are their names with a sign."""
    counts = [
        f"SELECT {what} AS what, {{row}}.deployment AS deployment, {label} AS label, "
        f"{sign}({amount}) AS amount ".replace("{row}", row)
        for row, sign in rows.items()
        for what, label, amount in counted
    ]
    return (
        "INSERT INTO tally_deltas (what, deployment, label, amount) "
        "SELECT what, deployment, label, SUM(amount) FROM ("
        + " UNION ALL ".join(counts)
        + ") counted GROUP BY what, deployment, label HAVING SUM(amount) <> 0;"
    )

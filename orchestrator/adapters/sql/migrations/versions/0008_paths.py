"""Progress by path instead of by number; a checkpoint is one entry and copies nothing.

What the checkpoints of format 1 said is written again in format 2: each held all that had been
committed and answered up to then, so its difference to the one before it is what happened.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_UUID = sa.String(36)
_NOT_OVER = sa.text("(state NOT IN ('FAILED', 'WITHDRAWN'))")

_checkpoints = sa.table(
    "checkpoints",
    *(sa.column(name) for name in ("id", "execution_id", "number", "plan_digest", "cause")),
    *(sa.column(name) for name in ("created_at", "format", "body", "path", "name")),
    *(sa.column(name) for name in ("output_id", "review_id")),
)
_reviews = sa.table(
    "reviews",
    *(sa.column(name) for name in ("id", "execution_id", "task_name", "output_id", "created_at")),
)
_task_runs = sa.table(
    "task_runs",
    *(sa.column(name) for name in ("id", "execution_id", "path", "task_index", "task_name")),
)
_executions = sa.table("executions", sa.column("id"), sa.column("plan_digest"))
_plans = sa.table("plans", sa.column("digest"), sa.column("body"))

_AT_A_TIME = 500


def upgrade() -> None:
    """Add the paths, fill them, and take the numbers away."""
    with op.batch_alter_table("task_runs") as table:
        table.add_column(sa.Column("path", sa.Text(), nullable=True))
    with op.batch_alter_table("reviews") as table:
        table.add_column(sa.Column("path", sa.Text(), nullable=True))
        table.add_column(sa.Column("question", sa.Text(), nullable=True))
        table.add_column(sa.Column("outcome", sa.Text(), nullable=True))
        table.add_column(
            sa.Column("weighing", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.add_column(sa.Column("note", sa.Text(), nullable=True))
        table.add_column(sa.Column("token_hash", sa.String(64), nullable=True))
    with op.batch_alter_table("checkpoints") as table:
        table.add_column(sa.Column("path", sa.Text(), nullable=False, server_default=""))
        table.add_column(sa.Column("name", sa.Text(), nullable=False, server_default=""))
        table.add_column(sa.Column("output_id", _UUID, nullable=True))
        table.add_column(sa.Column("review_id", _UUID, nullable=True))
        table.add_column(sa.Column("state", sa.LargeBinary(), nullable=True))
        table.add_column(sa.Column("seconds", sa.Float(), nullable=True))
        table.add_column(sa.Column("usage", sa.Text(), nullable=False, server_default="{}"))
    op.execute("UPDATE task_runs SET path = task_name")
    op.execute("UPDATE reviews SET path = task_name")
    _write_entries(op.get_bind())
    op.execute(
        "UPDATE checkpoints SET seconds = (SELECT execution_time FROM task_runs WHERE "
        "task_runs.execution_id = checkpoints.execution_id AND task_runs.path = checkpoints.path "
        "AND task_runs.state = 'COMMITTED') WHERE cause = 'commit'"
    )
    op.drop_index("uq_task_runs_round", "task_runs")
    with op.batch_alter_table("task_runs") as table:
        table.alter_column("path", existing_type=sa.Text(), nullable=False)
        table.drop_column("task_index")
    with op.batch_alter_table("reviews") as table:
        table.alter_column("path", existing_type=sa.Text(), nullable=False)
        table.drop_column("task_index")
    with op.batch_alter_table("checkpoints") as table:
        table.alter_column("cause", existing_type=sa.Text(), type_=sa.String(32))
        table.drop_column("body")
    _unique_rounds("path")
    op.create_index(
        "ix_reviews_token_hash",
        "reviews",
        ["token_hash"],
        sqlite_where=sa.text("token_hash IS NOT NULL"),
        postgresql_where=sa.text("token_hash IS NOT NULL"),
    )


def downgrade() -> None:
    """Number the tasks again by their plans. What only flows have is lost."""
    op.drop_index("ix_reviews_token_hash", "reviews")
    op.drop_index("uq_task_runs_round", "task_runs")
    with op.batch_alter_table("task_runs") as table:
        table.add_column(sa.Column("task_index", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("reviews") as table:
        table.add_column(sa.Column("task_index", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("checkpoints") as table:
        table.add_column(sa.Column("body", sa.Text(), nullable=False, server_default="{}"))
    _number_tasks(op.get_bind())
    _write_snapshots(op.get_bind())
    with op.batch_alter_table("task_runs") as table:
        table.alter_column("task_index", existing_type=sa.Integer(), server_default=None)
        table.drop_column("path")
    with op.batch_alter_table("reviews") as table:
        table.alter_column("task_index", existing_type=sa.Integer(), server_default=None)
        for name in ("path", "question", "outcome", "weighing", "note", "token_hash"):
            table.drop_column(name)
    with op.batch_alter_table("checkpoints") as table:
        table.alter_column("body", existing_type=sa.Text(), server_default=None)
        table.alter_column("cause", existing_type=sa.String(32), type_=sa.Text())
        for name in ("path", "name", "output_id", "review_id", "state", "seconds", "usage"):
            table.drop_column(name)
    _unique_rounds("task_index")


def _unique_rounds(column: str) -> None:
    op.create_index(
        "uq_task_runs_round",
        "task_runs",
        ["execution_id", column, "round"],
        unique=True,
        sqlite_where=_NOT_OVER,
        postgresql_where=_NOT_OVER,
    )


def _by_execution(connection: sa.Connection) -> Iterator[list[Any]]:
    """The checkpoints, in order, of one execution after the other."""
    c = _checkpoints.c
    last = ""
    while True:
        ids = sa.select(c.execution_id).where(c.execution_id > last).distinct()
        page = connection.execute(ids.order_by(c.execution_id).limit(_AT_A_TIME)).scalars().all()
        if not page:
            return
        last = page[-1]
        rows = connection.execute(
            sa.select(_checkpoints)  # in the middle of both ways it has the old columns and the new
            .where(c.execution_id.in_(page))
            .order_by(c.execution_id, c.number)
        ).all()
        for _, group in groupby(rows, key=lambda row: row.execution_id):
            yield list(group)


def _write_entries(connection: sa.Connection) -> None:
    plans: dict[str, list[str]] = {}
    for rows in _by_execution(connection):
        reviews = connection.execute(
            sa.select(_reviews).where(_reviews.c.execution_id == rows[0].execution_id)
        ).all()
        names = _names(connection, plans, rows[0].plan_digest)
        connection.execute(
            sa.update(_checkpoints)
            .where(_checkpoints.c.id == sa.bindparam("this"))
            .values(
                format=2,
                **{
                    name: sa.bindparam(f"new_{name}")
                    for name in ("cause", "path", "name", "output_id", "review_id")
                },
            ),
            list(_entries(rows, list(reviews), names)),
        )


def _entries(rows: list[Any], reviews: list[Any], names: list[str]) -> Iterator[dict[str, Any]]:
    by_id = {review.id: review for review in reviews}
    by_time = {str(review.created_at): review for review in reviews}
    committed: dict[str, str] = {}
    answered: set[str] = set()
    for row in rows:
        body = json.loads(row.body)
        new = {key: value for key, value in body["committed"].items() if key not in committed}
        said = [review_id for review_id in body["answered"] if review_id not in answered]
        committed, answered = body["committed"], set(body["answered"])
        path, output_id, review_id = "", None, None
        if row.cause == "halt" and str(row.created_at) in by_time:
            asked = by_time[str(row.created_at)]
            path, output_id, review_id = asked.task_name, asked.output_id, asked.id
        for index, output in new.items():
            path, output_id = names[int(index)] if names else "", output
        for each in said:
            review_id = each
            path = by_id[each].task_name if each in by_id else path
        cause = "ask" if row.cause == "halt" else row.cause
        yield {
            "this": row.id,
            "new_cause": cause,
            "new_path": path,
            "new_name": path,
            "new_output_id": output_id,
            "new_review_id": review_id,
        }


def _write_snapshots(connection: sa.Connection) -> None:
    plans: dict[str, list[str]] = {}
    for rows in _by_execution(connection):
        names = _names(connection, plans, rows[0].plan_digest)
        committed: dict[str, str] = {}
        answered: list[str] = []
        for row in rows:
            if row.cause == "commit" and row.path in names:
                committed[str(names.index(row.path))] = row.output_id
            if row.cause == "answer" and row.review_id:
                answered.append(row.review_id)
            body = json.dumps({"answered": answered, "committed": committed}, sort_keys=True)
            cause = "halt" if row.cause == "ask" else row.cause
            connection.execute(
                sa.update(_checkpoints)
                .where(_checkpoints.c.id == row.id)
                .values(format=1, body=body, cause=cause)
            )


def _number_tasks(connection: sa.Connection) -> None:
    for digest, body in connection.execute(sa.select(_plans.c.digest, _plans.c.body)).all():
        of_plan = sa.select(_executions.c.id).where(_executions.c.plan_digest == digest)
        for index, task in enumerate(json.loads(body)["tasks"]):
            for table in ("task_runs", "reviews"):
                named = sa.table(
                    table, *(sa.column(each) for each in ("execution_id", "path", "task_index"))
                )
                connection.execute(
                    sa.update(named)
                    .where(named.c.path == task["name"], named.c.execution_id.in_(of_plan))
                    .values(task_index=index)
                )


def _names(connection: sa.Connection, known: dict[str, list[str]], digest: str) -> list[str]:
    if digest not in known:
        body = connection.execute(sa.select(_plans.c.body).where(_plans.c.digest == digest))
        found = body.scalar()
        known[digest] = [task["name"] for task in json.loads(found)["tasks"]] if found else []
    return known[digest]

"""Figures of very many closed reviews, and what it costs the sweep to count them.

Reviews of 30 days, ten deployments, four tasks each, and two hundred people; those of the last
quarter of an hour are not counted by the sweep yet.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from harness.bench import Bench
from harness.databases import POSTGRES, SQLITE
from harness.record import Record, at_most
from sqlalchemy import Connection, text

from orchestrator.adapters.sql.engine import make_engine
from orchestrator.adapters.system import Uuid7Ids
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.domain.webhooks import Subscriptions
from orchestrator.ports import Ports
from orchestrator.settings import Settings
from orchestrator.usecases.reviews.analytics import asked, count_closed, figures
from orchestrator.wiring import make_ports

TITLE = "Figures of closed reviews"
DAYS, DEPLOYMENTS, TASKS, PEOPLE = 30, 10, 4, 200
BATCH = 5_000
COLUMNS = (
    *("id", "execution_id", "deployment", "task_run_id", "path", "task_name", "round", "state"),
    *("version", "output_id", "output_digest", "created_at", "closed_at", "approved", "actor"),
    *("reviewer", "sla_at"),
)


def run(bench: Bench) -> Record:
    """Seconds for all figures, for those of one deployment, and to count a thousand."""
    rounds, _ = bench.rounds((9, 3), (1, 1))
    counts = {SQLITE: 100_000, POSTGRES: 1_000_000}
    if bench.form != "long":
        counts = dict.fromkeys(counts, 10_000)
    record = Record("analytics", TITLE, {"rounds": rounds, **counts})
    for database, count in counts.items():
        measure(bench, record, database, count, rounds)
    return record


def measure(bench: Bench, record: Record, database: str, count: int, rounds: int) -> None:
    """One database with so many."""
    url = bench.databases.new(database)
    folder = bench.new_folder("analytics")
    deployments = folder / "deployments.toml"
    deployments.write_text('[deployments.d3]\nfunctions = "bench_jobs:answered"\n')
    settings = Settings(data=folder, deployments=deployments, database_url=url)
    ports = make_ports(settings, lambda _: None)
    fill(url, execution_in(ports), count)
    where = f"{count:,} closed, {database}"
    began, counted = time.perf_counter(), 0
    while done := count_closed(ports):
        counted += done
    spent = time.perf_counter() - began
    record.measure(f"counting 1,000, {where}", "ms", [spent * 1e6 / max(counted, 1)])
    for what, scope in (("all", EVERYWHERE), ("one deployment", Scope.of("d3"))):
        taken = []
        for _ in range(rounds):
            began = time.perf_counter()
            found = figures(ports, asked(datetime.now(UTC), None, None, scope))
            taken.append((time.perf_counter() - began) * 1000)
            assert found.analytics.days
        record.measure(f"figures of {what}, {where}", "ms", taken, at_most(1000, of="most"))
    ports.store.dispose()


def execution_in(ports: Ports) -> str:
    """The id of an execution to which all the reviews belong."""
    found = Execution(
        *(Uuid7Ids().new(), "d3", ExecutionState.SUCCEEDED, 1, "bench", "bench", "sha256:1"),
        inputs={},
        meta={},
        subscriptions=Subscriptions(),
        carry_webhooks=False,
        created_at=datetime.now(UTC),
    )
    ports.store.transact(lambda tx: tx.executions.add(found))
    return found.id


def fill(url: str, execution_id: str, count: int) -> None:
    """Write so many closed reviews of one execution."""
    engine = make_engine(url)
    rows = _rows(execution_id, count)
    for _ in range(0, count, BATCH):
        with engine.begin() as connection:
            _write(connection, [row for _, row in zip(range(BATCH), rows, strict=False)])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()


def _write(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    names = ", ".join(COLUMNS)
    if connection.engine.dialect.name == "postgresql":
        driver: Any = connection.connection.driver_connection
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY reviews ({names}) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(row)
        return
    marks = ", ".join("?" * len(COLUMNS))
    connection.exec_driver_sql(
        f"INSERT INTO reviews ({names}) VALUES ({marks})",
        [tuple(_as_text(each) for each in row) for row in rows],
    )


def _as_text(value: Any) -> Any:
    return value.isoformat(timespec="microseconds") if isinstance(value, datetime) else value


def _rows(execution_id: str, count: int) -> Iterator[tuple[Any, ...]]:
    chance, new, now = random.Random(1), Uuid7Ids().new, datetime.now(UTC)
    for number in range(count):
        closed = now - timedelta(days=DAYS - 1) * (count - number) / count
        taken = timedelta(seconds=chance.lognormvariate(7, 1.5))
        deployment, approved = chance.randrange(DEPLOYMENTS), chance.random() < 0.8
        person = f"person{deployment + DEPLOYMENTS * chance.randrange(PEOPLE // DEPLOYMENTS)}@x.com"
        task = f"task{chance.randrange(TASKS)}"
        yield (
            *(new(), execution_id, f"d{deployment}", new(), task, task, chance.randrange(1, 4)),
            *("ANSWERED", 2, new(), "sha256:1", closed - taken, closed, approved, "bench", person),
            closed - taken + timedelta(hours=1),
        )

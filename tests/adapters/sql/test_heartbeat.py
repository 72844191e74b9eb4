"""The heartbeat by which leases lapse, in both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from databases import beat
from sqlalchemy import Connection, select

from orchestrator.adapters.sql import Cipher, SqlStore, make_store
from orchestrator.adapters.sql.schema import deliveries, drains, endpoints, wakeups
from orchestrator.domain.delivery import Delivery
from orchestrator.domain.endpoint_host import Host
from orchestrator.domain.task_run import TaskRun, TaskRunState

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
E, H = "11111111-0000-4000-8000-000000000000", "22222222-0000-4000-8000-000000000000"


class Turned:
    """A clock that a test turns."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def test_a_clock_that_a_test_turns_is_the_databases(
    database: str, cipher: Cipher, now: datetime
) -> None:
    clock = Turned(now)
    store = make_store(database, publish=print, cipher=cipher, clock=clock)
    store.transact(lambda tx: tx.workers.seen("w-1", ["crews"]))
    clock.at = now + HOUR

    assert store.read(lambda tx: tx.now()) == now + HOUR
    assert store.read(lambda tx: tx.workers.consuming("crews", HOUR - SECOND)) == ()
    store.dispose()


def test_the_first_of_many_sweeps_writes_the_heartbeat(
    store: SqlStore, now: datetime, race: Callable[..., list[bool]]
) -> None:
    assert store.read(lambda tx: tx.sweeps.last_beat()) is None
    assert sum(race(lambda: store.transact(lambda tx: tx.sweeps.beat(None, now)))) == 1
    later = now + SECOND
    assert sum(race(lambda: store.transact(lambda tx: tx.sweeps.beat(now, later)))) == 1
    assert store.read(lambda tx: tx.sweeps.last_beat()) == later


def test_leases_begin_anew_and_the_living_are_seen(
    store: SqlStore,
    rows: Connection,
    run: TaskRun,
    endpoint: str,
    new_delivery: Callable[..., Delivery],
    now: datetime,
) -> None:
    claimed = run.claim("w-1", now, now)
    store.transact(lambda tx: tx.task_runs.save(run, claimed))
    store.transact(lambda tx: tx.deliveries.add([new_delivery()]))
    store.transact(lambda tx: tx.deliveries.claim_due(endpoint, "w-2", now, SECOND, 9))
    store.transact(lambda tx: tx.drains.hold("d", E, H, SECOND, unproven=False))
    store.transact(lambda tx: tx.workers.seen("w-1", ["crews"]))
    then = store.read(lambda tx: tx.now()) + HOUR

    store.transact(lambda tx: tx.sweeps.renew_leases(then, 30 * SECOND, then - 2 * HOUR))

    renewed = store.read(lambda tx: tx.task_runs.get(run.id))
    assert renewed == replace(claimed, version=2, lease_until=then + 30 * SECOND)
    for table in (deliveries, drains):
        assert rows.execute(select(table.c.lease_until)).scalar_one() == then + 30 * SECOND
    assert store.read(lambda tx: tx.workers.consuming("crews", -HOUR + SECOND)) == ("w-1",)


def test_what_waits_for_a_time_to_come_comes_sooner(
    store: SqlStore,
    rows: Connection,
    new_run: Callable[..., TaskRun],
    new_delivery: Callable[..., Delivery],
    now: datetime,
) -> None:
    soon, published = now + HOUR + 5 * SECOND, now + HOUR + 60 * SECOND
    retried = new_run(due_at=soon, wake_at=soon)
    in_queue = new_run(path="task-1", due_at=now, wake_at=published)
    ended = new_run(path="task-2", state=TaskRunState.FAILED, due_at=soon, wake_at=soon)
    store.transact(lambda tx: tx.task_runs.add([retried, in_queue, ended]))
    store.transact(lambda tx: tx.deliveries.add([new_delivery(due_at=soon, wake_at=published)]))
    store.transact(lambda tx: tx.endpoints.save_host(Host(H, open_until=soon)))
    store.transact(lambda tx: tx.drains.announce(E, soon))

    store.transact(lambda tx: tx.sweeps.bring_forward(now, HOUR))

    found = {each.id: each for each in store.read(lambda tx: tx.task_runs.of(ended.execution_id))}
    sooner = now + 5 * SECOND
    assert (found[retried.id].due_at, found[retried.id].wake_at) == (sooner, sooner)
    assert (found[in_queue.id].due_at, found[in_queue.id].wake_at) == (now, now + 60 * SECOND)
    assert found[ended.id] == ended
    assert rows.execute(select(deliveries.c.due_at, deliveries.c.wake_at)).one() == (sooner,) * 2
    assert store.transact(lambda tx: tx.endpoints.lock_host(H)).open_until == sooner
    assert rows.execute(select(wakeups.c.at)).scalar_one() == sooner


def test_an_endpoint_is_left_in_peace_for_as_long_as_before(
    store: SqlStore, rows: Connection, endpoint: str, now: datetime
) -> None:
    def quiet(until: datetime) -> None:
        before = store.read(lambda tx: tx.endpoints.get(endpoint))
        after = replace(before, health=before.health.quiet(until))
        store.transact(lambda tx: tx.endpoints.save(before, after))

    quiet(now + HOUR + SECOND)
    store.transact(lambda tx: tx.sweeps.bring_forward(now, HOUR))

    assert rows.execute(select(endpoints.c.quiet_until)).scalar_one() == now + SECOND


def test_a_lease_lapses_by_the_heartbeat_alone(store: SqlStore, run: TaskRun) -> None:
    past = store.read(lambda tx: tx.now()) - SECOND
    store.transact(lambda tx: tx.task_runs.save(run, run.claim("w-1", past, past)))
    assert store.read(lambda tx: tx.task_runs.lapsed(9)) == ()

    beat(store)

    assert store.read(lambda tx: tx.task_runs.lapsed(9)) == (run.id,)

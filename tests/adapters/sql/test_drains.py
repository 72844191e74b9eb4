"""What drains know of one another, in both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Any

from databases import beat

from orchestrator.adapters.sql import SqlStore
from orchestrator.domain.delivery_policy import OtherDrains
from orchestrator.domain.endpoint_host import Host
from orchestrator.ports import Transaction

SECOND = timedelta(seconds=1)
E, H = "11111111-0000-4000-8000-000000000000", "22222222-0000-4000-8000-000000000000"


def others(store: SqlStore, drain: str = "me") -> OtherDrains:
    return store.transact(lambda tx: tx.drains.others(drain, E, H))


def hold(
    store: SqlStore,
    drain: str,
    endpoint: str = E,
    lease: timedelta = 60 * SECOND,
    *,
    unproven: bool = False,
) -> None:
    store.transact(lambda tx: tx.drains.hold(drain, endpoint, H, lease, unproven=unproven))


def test_other_drains_are_counted_at_the_endpoint_and_at_its_host(store: SqlStore) -> None:
    hold(store, "me")
    hold(store, "one")
    hold(store, "elsewhere", "another endpoint", unproven=True)

    assert others(store) == (1, 2, 1, 0)


def test_a_drain_whose_lease_ended_does_not_count(store: SqlStore) -> None:
    hold(store, "dead", lease=-SECOND)

    assert others(store) == (0, 0, 0, 0)


def test_a_drain_holds_on_and_ends(store: SqlStore) -> None:
    hold(store, "one", lease=-SECOND)
    hold(store, "one")
    assert others(store) == (1, 1, 0, 0)

    store.transact(lambda tx: tx.drains.end("one"))
    assert others(store) == (0, 0, 0, 0)


def test_a_host_is_kept(store: SqlStore, now: datetime) -> None:
    sick = Host(H, failures=7, breaks=2, open_until=now, has_answered=True)
    assert store.transact(lambda tx: tx.endpoints.lock_host(H)) == Host(H)

    store.transact(lambda tx: tx.endpoints.save_host(sick))

    assert store.transact(lambda tx: tx.endpoints.lock_host(H)) == sick


def wake_endpoints(store: SqlStore, at: datetime) -> bool:
    return store.transact(lambda tx: tx.drains.announce(E, at))


def test_one_nudge_is_enough_until_a_drain_begins(store: SqlStore, now: datetime) -> None:
    assert wake_endpoints(store, now)
    assert not wake_endpoints(store, now + SECOND)

    store.transact(lambda tx: tx.drains.begun(E))
    assert wake_endpoints(store, now + SECOND)


def test_a_nudge_that_nothing_came_of_is_lost(store: SqlStore, now: datetime) -> None:
    wake_endpoints(store, now)

    assert wake_endpoints(store, now + 11 * SECOND)
    assert not wake_endpoints(store, now + 12 * SECOND)


def test_a_drain_begins_after_what_the_nudge_held_back_is_committed(
    store: SqlStore, now: datetime
) -> None:
    """Else it would see nothing, and nobody would wake another one."""
    wake_endpoints(store, now)
    held, order = Event(), []

    def commit_slowly() -> None:
        def work(tx: object) -> None:
            tx.drains.announce(E, now)
            held.set()
            begun.wait(0.2)
            order.append("committed")

        store.transact(work)

    begun = Event()
    committing = Thread(target=commit_slowly)
    committing.start()
    held.wait()
    store.transact(lambda tx: tx.drains.begun(E))
    order.append("forgotten")
    committing.join()

    assert order == ["committed", "forgotten"]


def test_simultaneous_nudges_publish_hardly_more_than_one(
    store: SqlStore, now: datetime, race: Callable[..., list[bool]]
) -> None:
    assert 1 <= sum(race(lambda: wake_endpoints(store, now))) <= 8
    assert not wake_endpoints(store, now)


def test_a_lost_nudge_is_renewed_by_one_of_many_and_none_begins_anew(
    store: SqlStore, now: datetime, race: Callable[..., list[bool]]
) -> None:
    """Of those that wait for each other the database ends one, which then begins anew."""
    race(lambda: wake_endpoints(store, now))
    begun: list[int] = []

    def announce(tx: Transaction) -> bool:
        begun.append(1)
        return tx.drains.announce(E, now + 11 * SECOND)

    told = race(lambda: store.transact(announce))
    assert (sum(told), len(begun)) == (1, len(told))


def test_a_drain_whose_worker_is_gone_is_told_by_its_endpoint_and_forgotten(
    store: SqlStore,
) -> None:
    hold(store, "alive")
    hold(store, "dead", lease=-SECOND)
    assert store.read(lambda tx: tx.drains.lapsed(10)) == ()

    beat(store)
    assert store.read(lambda tx: tx.drains.lapsed(10)) == (E,)

    store.transact(lambda tx: tx.drains.forget_lapsed([E]))

    assert store.read(lambda tx: tx.drains.lapsed(10)) == ()
    assert others(store) == (1, 1, 0, 0)


def wait(store: SqlStore, endpoint: str, *, has_notice: bool = False, **usual: Any) -> None:
    details = {"lease": 60 * SECOND, "unproven": False, **usual}
    store.transact(lambda tx: tx.drains.wait(endpoint, H, has_notice=has_notice, **details))


def next_waiting(store: SqlStore, host: str = H, *, unproven: bool = False) -> str | None:
    return store.transact(lambda tx: tx.drains.next_waiting(E, host, unproven=unproven))


def test_one_that_waits_takes_no_room(store: SqlStore) -> None:
    wait(store, "another endpoint")

    assert others(store) == (0, 0, 0, 0)


def test_those_that_wait_with_a_notice_are_counted_at_the_host(store: SqlStore) -> None:
    wait(store, "another endpoint", has_notice=True)
    wait(store, E, has_notice=True)

    assert others(store) == (0, 0, 0, 1)


def test_who_waits_longest_is_next_unless_another_has_a_notice(store: SqlStore) -> None:
    wait(store, "first")
    wait(store, "second")
    wait(store, "first")
    assert next_waiting(store) == "first"

    wait(store, "third", has_notice=True)
    assert next_waiting(store) == "third"

    for endpoint in ("third", "first", "second"):
        store.transact(lambda tx, endpoint=endpoint: tx.drains.waits_no_more(endpoint))
    assert next_waiting(store) is None


def test_the_room_of_a_doubtful_one_is_for_the_doubtful_of_all_hosts(store: SqlStore) -> None:
    wait(store, "unproven", unproven=True)

    assert next_waiting(store, "another host") is None
    assert next_waiting(store, "another host", unproven=True) == "unproven"


def test_one_that_has_waited_long_enough_asks_again(store: SqlStore) -> None:
    wait(store, "another endpoint", lease=-SECOND)
    beat(store)

    assert store.read(lambda tx: tx.drains.lapsed(10)) == ("another endpoint",)

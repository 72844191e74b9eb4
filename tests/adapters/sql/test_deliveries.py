from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import pytest
from databases import beat
from sqlalchemy import Connection, text

from orchestrator.adapters.sql import Cipher, SqlStore, make_store
from orchestrator.adapters.sql.deliveries import CLAIM_BYTES
from orchestrator.adapters.sql.engine import make_engine
from orchestrator.domain.delivery import Delivery, DeliveryAttempt, DeliveryState
from orchestrator.domain.retry import publish_again_at
from orchestrator.ports import DeliveryFilter, Outcome

MINUTE = timedelta(minutes=1)
NewDelivery = Callable[..., Delivery]


def add(store: SqlStore, *deliveries: Delivery) -> None:
    store.transact(lambda tx: tx.deliveries.add(deliveries))


def claim(
    store: SqlStore, endpoint: str, now: datetime, *, lease: timedelta = MINUTE, limit: int = 50
) -> tuple[Delivery, ...]:
    claim = store.transact(
        lambda tx: tx.deliveries.claim_due(endpoint, "worker", now, lease, limit)
    )
    return claim.deliveries


def ids(deliveries: Sequence[Delivery]) -> list[str]:
    return [delivery.id for delivery in deliveries]


def attempt(delivery: Delivery, at: datetime, status: int = 200) -> DeliveryAttempt:
    return DeliveryAttempt(delivery.id, delivery.attempts + 1, at, status, 0.25, response="o\0k")


def at_rest(rows: Connection) -> bytes:
    """Whatever stands in the table, as it stands there; what is deflated is inflated too."""
    values = chain(*rows.execute(text("SELECT * FROM deliveries")).all())
    stored = [bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in values]
    deflated = [each for each in stored if each.startswith(b"x\x9c")]
    return b"\n".join([*stored, *map(zlib.decompress, deflated)])


def record(store: SqlStore, *outcome: Any) -> frozenset[str]:
    return store.transact(lambda tx: tx.deliveries.record([Outcome(*outcome)]))


def test_deliveries_are_read_as_they_were_written_in_the_order_of_their_events(
    store: SqlStore, new_delivery: NewDelivery
) -> None:
    first, second = new_delivery(sequence=1), new_delivery(sequence=2, body=b"\0\xff")

    add(store, second, first)

    assert store.read(lambda tx: tx.deliveries.of(first.execution_id)) == (first, second)


def test_bodies_of_notices_are_encrypted_and_others_are_not(
    store: SqlStore, new_delivery: NewDelivery, endpoint: str, now: datetime, rows: Connection
) -> None:
    notice = new_delivery(kind="human_input", body=b'{"task_output":"Owls","token":"tok-1"}')
    add(store, notice, new_delivery(body=b'{"output":"Bats"}'))

    stored = at_rest(rows)
    assert b"Bats" in stored
    assert b"Owls" not in stored
    assert b"tok-1" not in stored
    (claimed, _) = claim(store, endpoint, now)
    read = store.read(lambda tx: tx.deliveries.get(notice.id))
    assert read
    assert claimed.body == read.body == notice.body


def test_a_notice_from_before_they_were_encrypted_is_read(
    store: SqlStore, new_delivery: NewDelivery, rows: Connection, database: str
) -> None:
    notice = new_delivery(kind="human_input")
    add(store, notice)
    engine = make_engine(database)
    with engine.begin() as connection:
        old = {"body": zlib.compress(b'{"old":1}')}
        connection.execute(text("UPDATE deliveries SET body = :body"), old)
    engine.dispose()

    assert b'{"old":1}' in at_rest(rows)
    read = store.read(lambda tx: tx.deliveries.get(notice.id))
    assert read
    assert read.body == b'{"old":1}'


def test_what_another_key_encrypted_has_no_body_and_stays(
    store: SqlStore, new_delivery: NewDelivery, endpoint: str, now: datetime, database: str
) -> None:
    notice, other = new_delivery(kind="human_input"), new_delivery()
    add(store, notice, other)
    keyless = make_store(database, publish=lambda _: None, cipher=Cipher("another key"))

    claimed = claim(keyless, endpoint, now)
    shown = keyless.read(lambda tx: tx.deliveries.of(notice.execution_id))
    keyless.dispose()

    assert {one.id: one.body for one in claimed} == {notice.id: None, other.id: other.body}
    assert {one.body for one in shown} == {None, other.body}
    assert store.read(lambda tx: tx.deliveries.get(notice.id).body) == notice.body


def test_a_claim_takes_what_is_due_at_the_endpoint(
    store: SqlStore, new_delivery: NewDelivery, endpoint: str, now: datetime
) -> None:
    due, early = new_delivery(), new_delivery(due_at=now + MINUTE)
    add(store, due, early, new_delivery(state=DeliveryState.DELIVERED))

    (claimed,) = claim(store, endpoint, now)

    assert (claimed.id, claimed.claim_no, claimed.claimed_by) == (due.id, 1, "worker")
    assert claim(store, "elsewhere", now) == ()


def test_first_attempts_are_claimed_before_retries(
    store: SqlStore, new_delivery: NewDelivery, endpoint: str, now: datetime
) -> None:
    retried = new_delivery(state=DeliveryState.RETRYING, due_at=now - 2 * MINUTE)
    second, first = new_delivery(due_at=now), new_delivery(due_at=now - MINUTE)
    add(store, retried, second, first)

    assert ids(claim(store, endpoint, now)) == ids([first, second, retried])


def test_many_claims_give_each_delivery_to_one(
    store: SqlStore,
    new_delivery: NewDelivery,
    endpoint: str,
    now: datetime,
    race: Callable[..., list[Any]],
) -> None:
    due = [new_delivery(sequence=n) for n in range(40)]
    add(store, *due)

    batches = race(
        lambda: [*claim(store, endpoint, now, limit=3), *claim(store, endpoint, now, limit=3)]
    )

    assert sorted(ids(list(chain(*batches)))) == sorted(ids(due))


def test_what_is_held_is_claimed_again_when_its_lease_has_ended(
    store: SqlStore, new_delivery: NewDelivery, endpoint: str, now: datetime
) -> None:
    add(store, new_delivery())
    claim(store, endpoint, now, lease=-MINUTE)
    beat(store)

    (again,) = claim(store, endpoint, now)

    assert again.claim_no == 2
    assert claim(store, endpoint, now) == ()


def test_an_outcome_is_stored_with_its_attempt(
    store: SqlStore, new_delivery: NewDelivery, endpoint: str, now: datetime
) -> None:
    add(store, new_delivery())
    (claimed,) = claim(store, endpoint, now)
    tried = attempt(claimed, now)

    assert record(store, claimed, claimed.deliver(now), tried) == {claimed.id}

    (stored,) = store.read(lambda tx: tx.deliveries.of(claimed.execution_id))
    assert (stored.state, stored.attempts, stored.claimed_by) == ("DELIVERED", 1, None)
    assert store.read(lambda tx: tx.deliveries.attempts(claimed.id)) == (
        replace(tried, response="o\ufffdk"),
    )


def test_a_batch_is_recorded_as_what_became_of_each(
    store: SqlStore, new_delivery: NewDelivery, endpoint: str, now: datetime
) -> None:
    add(store, *(new_delivery(sequence=number) for number in range(1, 6)))
    one, two, three, four, five = claim(store, endpoint, now)
    became = {
        one: one.deliver(now),
        two: two.deliver(now),
        three: three.retry(now + MINUTE, "503"),
        four: four.exhaust(now, "400"),
        five: five.give_back(),
    }

    outcomes = [Outcome(before, after) for before, after in became.items()]
    written = store.transact(lambda tx: tx.deliveries.record(outcomes))

    assert written == {each.id for each in became}
    for before, after in became.items():
        found = store.read(lambda tx, before=before: tx.deliveries.get(before.id))
        assert found == replace(after, version=before.version + 1)


def test_the_outcome_of_a_lost_claim_is_not_written(
    store: SqlStore, new_delivery: NewDelivery, endpoint: str, now: datetime
) -> None:
    add(store, new_delivery())
    (lost,) = claim(store, endpoint, now, lease=-MINUTE)
    beat(store)
    claim(store, endpoint, now)

    assert record(store, lost, lost.deliver(now), attempt(lost, now)) == frozenset()
    assert store.read(lambda tx: tx.deliveries.attempts(lost.id)) == ()


def test_a_retry_is_due_at_its_time(
    store: SqlStore, new_delivery: NewDelivery, endpoint: str, now: datetime
) -> None:
    add(store, new_delivery())
    (claimed,) = claim(store, endpoint, now)
    retry = claimed.retry(now + MINUTE, "503")
    record(store, claimed, retry, attempt(claimed, now, 503))

    assert claim(store, endpoint, now) == ()
    assert ids(claim(store, endpoint, now + MINUTE)) == [claimed.id]


def test_the_sweep_wakes_each_endpoint_once_for_all_that_is_due_there(
    store: SqlStore, new_delivery: NewDelivery, endpoint: str, now: datetime
) -> None:
    add(store, new_delivery(), new_delivery(), new_delivery(wake_at=now + MINUTE))

    assert store.read(lambda tx: tx.deliveries.to_wake(now, 10)) == (endpoint,)
    assert store.transact(lambda tx: tx.deliveries.woken(endpoint, now))
    assert store.read(lambda tx: tx.deliveries.to_wake(now, 10)) == ()


def test_an_endpoint_whose_deliveries_are_all_held_sleeps_on(
    store: SqlStore, new_delivery: NewDelivery, endpoint: str, now: datetime
) -> None:
    add(store, new_delivery())
    claim(store, endpoint, now)

    assert store.read(lambda tx: tx.deliveries.to_wake(now, 10)) == ()
    assert not store.transact(lambda tx: tx.deliveries.woken(endpoint, now))


def test_one_of_many_sweeps_wakes_an_endpoint(
    store: SqlStore,
    new_delivery: NewDelivery,
    endpoint: str,
    now: datetime,
    race: Callable[..., list[bool]],
) -> None:
    add(store, new_delivery())

    woken = race(lambda: store.transact(lambda tx: tx.deliveries.woken(endpoint, now)))

    assert sorted(woken) == [False] * 7 + [True]


@pytest.mark.parametrize("publishes", [0, 1, 2, 3, 4, 5, 7, 8, 9, 1000])
def test_publications_come_after_doubling_times(
    store: SqlStore, new_delivery: NewDelivery, endpoint: str, now: datetime, publishes: int
) -> None:
    add(store, new_delivery(publishes=publishes))

    store.transact(lambda tx: tx.deliveries.woken(endpoint, now))

    ((_, sleeper),) = [(d.id, d) for d in claim(store, endpoint, now)]
    assert sleeper.publishes == publishes + 1
    assert sleeper.wake_at == publish_again_at(now, publishes + 1)


def test_notices_are_claimed_before_everything_else(
    store: SqlStore, new_delivery: NewDelivery, endpoint: str, now: datetime
) -> None:
    earlier = [new_delivery(due_at=now - MINUTE) for _ in range(3)]
    retried = new_delivery(kind="human_input", state=DeliveryState.RETRYING)
    add(store, *earlier, retried)

    assert ids(claim(store, endpoint, now, limit=2))[0] == retried.id
    assert len(claim(store, endpoint, now)) == 2


def test_only_a_due_notice_that_nobody_holds_counts(
    store: SqlStore, new_delivery: NewDelivery, endpoint: str, now: datetime
) -> None:
    def has_notice() -> bool:
        return store.read(lambda tx: tx.deliveries.has_due_notice(endpoint, now))

    add(store, new_delivery(), new_delivery(kind="human_input", due_at=now + MINUTE))
    assert not has_notice()

    add(store, new_delivery(kind="human_input"))
    assert has_notice()

    claim(store, endpoint, now)
    assert not has_notice()


def test_a_claim_loads_no_more_bytes_than_it_may(
    store: SqlStore, new_delivery: NewDelivery, endpoint: str, now: datetime
) -> None:
    add(store, *(new_delivery(body=b"x" * (CLAIM_BYTES // 3), sequence=n) for n in range(7)))

    found = store.transact(lambda tx: tx.deliveries.claim_due(endpoint, "w", now, MINUTE, 50))

    assert sum(len(each.body) for each in found.deliveries) <= CLAIM_BYTES
    assert (len(found.deliveries), found.is_full) == (3, True)


def test_a_body_that_is_larger_is_claimed_alone(
    store: SqlStore, new_delivery: NewDelivery, endpoint: str, now: datetime
) -> None:
    large = new_delivery(body=b"x" * (CLAIM_BYTES + 1), sequence=1)
    add(store, large, new_delivery(sequence=2))

    assert ids(claim(store, endpoint, now)) == [large.id]
    assert len(claim(store, endpoint, now)) == 1


def test_lists_load_no_bodies(store: SqlStore, new_delivery: NewDelivery) -> None:
    made = new_delivery(state=DeliveryState.EXHAUSTED)
    add(store, made)

    (listed,) = store.read(lambda tx: tx.deliveries.page(DeliveryFilter(), None, 10))
    (closed,) = store.read(lambda tx: tx.deliveries.closed(DeliveryFilter(), None, 10))
    assert (listed.id, listed.body, closed.body) == (made.id, b"", b"")

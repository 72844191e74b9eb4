from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, select

from orchestrator.adapters.sql import Cipher, SqlStore, make_store
from orchestrator.adapters.sql.schema import endpoints
from orchestrator.domain.delivery import Authentication
from orchestrator.domain.endpoint import Endpoint

URL = "https://hooks.example/tasks?key=hidden"
BASIC = Authentication("basic", username="alice", password="swordfish")


def ensure(
    store: SqlStore, at: datetime, *, deployment: str = "newsroom", username: str = "alice"
) -> str:
    credentials = Authentication("basic", username=username, password="swordfish")
    return store.transact(lambda tx: tx.endpoints.ensure(deployment, URL, credentials, at))


def test_an_endpoint_is_read_as_it_was_given(store: SqlStore, now: datetime) -> None:
    endpoint_id = ensure(store, now)

    assert store.read(lambda tx: tx.endpoints.get(endpoint_id)) == Endpoint(
        endpoint_id, "newsroom", URL, BASIC, now
    )


def test_an_endpoint_needs_no_credentials(store: SqlStore, now: datetime) -> None:
    endpoint_id = store.transact(lambda tx: tx.endpoints.ensure("newsroom", URL, None, now))

    found = store.read(lambda tx: tx.endpoints.get(endpoint_id))
    assert found == Endpoint(endpoint_id, "newsroom", URL, None, now)


def test_an_endpoint_is_known_by_deployment_url_and_credentials(
    store: SqlStore, now: datetime
) -> None:
    ids = [
        ensure(store, now),
        ensure(store, now),
        ensure(store, now, deployment="other"),
        ensure(store, now, username="other"),
    ]

    assert len(set(ids)) == 3
    assert ids[0] == ids[1]


def test_simultaneous_first_uses_make_one_endpoint(
    store: SqlStore, rows: Connection, now: datetime, race: Callable[..., list[str]]
) -> None:
    ids = race(lambda: ensure(store, now))

    assert len(set(ids)) == 1
    assert len(rows.execute(select(endpoints)).all()) == 1


def test_neither_url_nor_credentials_can_be_read_in_the_database(
    store: SqlStore, rows: Connection, now: datetime
) -> None:
    ensure(store, now)

    row = str(rows.execute(select(endpoints)).one())
    assert not any(secret in row for secret in ("hooks.example", "hidden", "swordfish", "alice"))


def test_a_new_key_put_in_front_keeps_every_endpoint(
    store: SqlStore, database: str, now: datetime
) -> None:
    before = ensure(store, now)

    rotated = make_store(database, publish=print, cipher=Cipher("a newer one, a secret"))

    assert ensure(rotated, now) == before
    assert rotated.read(lambda tx: tx.endpoints.get(before)).url == URL
    rotated.dispose()

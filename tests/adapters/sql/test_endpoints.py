from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Connection, select, update

from orchestrator.adapters.sql import Cipher, SqlStore, make_store
from orchestrator.adapters.sql.schema import endpoints, signing_secrets
from orchestrator.domain.delivery import Authentication
from orchestrator.domain.endpoint import Endpoint, Health, SigningSecret
from orchestrator.domain.transport import Transport
from orchestrator.errors import StaleWrite

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


def test_how_an_endpoint_is_sent_to_is_read_once(store: SqlStore, now: datetime) -> None:
    ids = [
        store.transact(lambda tx, url=url: tx.endpoints.ensure("newsroom", url, None, now))
        for url in (URL, "mailto:ann@example.com", "mailto:bob@example.com")
    ]
    store.forget()
    for _ in range(2):
        found = store.read(lambda tx: [tx.endpoints.transport(each) for each in ids])
        assert found == [Transport.HTTP, Transport.MAIL, Transport.MAIL]
        store.transact(lambda tx: tx.connection.execute(update(endpoints).values(url=b"")))
    assert store.read(lambda tx: tx.endpoints.transport(str(uuid4()))) is Transport.HTTP


def test_all_addresses_have_the_host_of_the_mail_server(store: SqlStore, now: datetime) -> None:
    hosts = set()
    for url in ("mailto:ann@example.com", "mailto:bob@elsewhere.example"):
        made = store.transact(lambda tx, url=url: tx.endpoints.ensure("newsroom", url, None, now))
        hosts.add(store.read(lambda tx, made=made: tx.endpoints.get(made)).host_id)
    assert len(hosts) == 1


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


def read(store: SqlStore, endpoint_id: str) -> Endpoint:
    found = store.read(lambda tx: tx.endpoints.get(endpoint_id))
    assert found is not None
    return found


def test_what_changes_about_an_endpoint_is_kept(store: SqlStore, now: datetime) -> None:
    before = read(store, ensure(store, now))
    health = Health(3, now, now, now, now, 503, "busy")
    after = replace(before.disable(now, "gone"), stop_on_4xx=True, most_sends=2, health=health)

    saved = store.transact(lambda tx: tx.endpoints.save(before, after))

    assert read(store, before.id) == saved == replace(after, version=2)


def test_an_endpoint_that_changed_meanwhile_is_not_overwritten(
    store: SqlStore, now: datetime
) -> None:
    before = read(store, ensure(store, now))
    store.transact(lambda tx: tx.endpoints.save(before, before.disable(now, "first")))

    with pytest.raises(StaleWrite):
        store.transact(lambda tx: tx.endpoints.save(before, before.disable(now, "second")))
    assert read(store, before.id).reason == "first"


def test_endpoints_at_one_host_and_port_share_it(store: SqlStore, now: datetime) -> None:
    urls = ["https://a.example/x", "https://A.example/y?z", "https://u:p@a.example/", "http://b/"]
    found = [
        read(store, store.transact(lambda tx, url=url: tx.endpoints.ensure("d", url, None, now)))
        for url in urls
    ]

    assert len({endpoint.host_id for endpoint in found[:3]}) == 1
    assert found[3].host_id != found[0].host_id


def test_an_endpoint_rests_until_its_time_is_over(store: SqlStore, now: datetime) -> None:
    before = read(store, ensure(store, now))
    quiet = replace(before, health=before.health.quiet(now))
    store.transact(lambda tx: tx.endpoints.save(before, quiet))

    assert store.read(lambda tx: tx.endpoints.past_pause(now, 9)) == (before.id,)
    assert store.read(lambda tx: tx.endpoints.past_pause(now - timedelta(seconds=1), 9)) == ()


def give(store: SqlStore, at: datetime, endpoint_id: str | None, text: str) -> None:
    secret = SigningSecret(str(uuid4()), "newsroom", endpoint_id, text, at)
    store.transact(lambda tx: tx.endpoints.add_secret(secret))


def test_an_endpoints_own_secrets_come_before_its_deployments(
    store: SqlStore, now: datetime
) -> None:
    endpoint = read(store, ensure(store, now))
    other = read(store, ensure(store, now, username="other"))
    give(store, now, None, "all")
    give(store, now, endpoint.id, "old")
    give(store, now + timedelta(seconds=1), endpoint.id, "new")

    assert store.read(lambda tx: tx.endpoints.secrets(endpoint, now)) == ("new", "old", "all")
    assert store.read(lambda tx: tx.endpoints.secrets(other, now)) == ("all",)


def test_a_retired_secret_lives_until_its_end(store: SqlStore, now: datetime) -> None:
    endpoint = read(store, ensure(store, now))
    give(store, now, endpoint.id, "old")
    end = now + timedelta(hours=1)
    store.transact(lambda tx: tx.endpoints.retire_secrets("newsroom", endpoint.id, end))

    assert store.read(lambda tx: tx.endpoints.secrets(endpoint, now)) == ("old",)
    assert store.read(lambda tx: tx.endpoints.secrets(endpoint, end)) == ()


def test_no_secret_can_be_read_in_the_database(
    store: SqlStore, rows: Connection, now: datetime
) -> None:
    give(store, now, None, "whsec_hidden")

    assert "hidden" not in str(rows.execute(select(signing_secrets)).one())


def test_what_another_key_encrypted_is_sealed_and_kept(
    database: str, store: SqlStore, now: datetime
) -> None:
    endpoint_id = store.transact(
        lambda tx: tx.endpoints.ensure("newsroom", "https://hooks.example/a", None, now)
    )
    other = make_store(database, publish=print, cipher=Cipher("another secret"))
    sealed = other.read(lambda tx: tx.endpoints.get(endpoint_id))
    assert sealed
    assert (sealed.is_sealed, sealed.url) == (True, "")
    assert other.read(lambda tx: tx.secrets.keys_in_use(10)).get(None) == 1
    other.transact(lambda tx: tx.endpoints.save(sealed, sealed.disable(now, "moved")))
    other.dispose()

    assert store.read(lambda tx: tx.secrets.keys_in_use(10)).get(None) is None
    read = store.read(lambda tx: tx.endpoints.get(endpoint_id))
    assert read
    assert (read.url, read.reason) == ("https://hooks.example/a", "moved")

"""What is encrypted is encrypted anew, while processes with the old key go on writing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from world import World

from orchestrator.adapters.sql import Cipher, make_store
from orchestrator.domain.audit import OPERATOR
from orchestrator.domain.endpoint import SigningSecret
from orchestrator.ports import Ports
from orchestrator.usecases.operations.audit import newest_entries
from orchestrator.usecases.operations.reencrypt import PASSES, reencrypt

URLS = "URLs of endpoints"

Keyed = Callable[[str], Ports]


@pytest.fixture
def old(a_world: Callable[..., World]) -> World:
    """A service in which an execution waits, with one key."""
    world = a_world("write?")
    world.halted()
    return world


@pytest.fixture
def keyed(old: World) -> Iterator[Keyed]:
    """A process of that service with these keys, the newest first."""
    url = old.ports.store._writer.url.render_as_string(hide_password=False)  # type: ignore[attr-defined]  # SQL's
    made = []

    def start(keys: str) -> Ports:
        made.append(make_store(url, publish=old.jobs.append, cipher=Cipher(keys)))
        return replace(old.ports, store=made[-1])

    yield start
    for store in made:
        store.dispose()


def add_endpoints(ports: Ports, *names: object) -> list[str]:
    """Their ids: a process adds what it encrypts whatever the settings."""
    urls, now = [f"https://hooks.example/{name}" for name in names], ports.clock.now()
    return ports.store.transact(
        lambda tx: [tx.endpoints.ensure("crew", url, None, now) for url in urls]
    )


def test_each_batch_is_told_of_and_counted(old: World, keyed: Keyed) -> None:
    add_endpoints(old.ports, *range(501))
    told: list[tuple[str, int]] = []
    done = reencrypt(keyed("new,a key"), lambda *batch: told.append(batch))
    assert told == [(URLS, 500), (URLS, 1)]
    assert (done.written, done.left, done.sealed) == ({URLS: 501}, 0, 0)
    assert done.is_complete


def test_what_processes_with_the_old_key_go_on_writing_is_left(old: World, keyed: Keyed) -> None:
    now = old.ports.clock.now()
    ids = (str(UUID(int=number)) for number in range(9, 0, -1))  # before where the pass has come to

    def write(*_: object) -> None:
        secret = SigningSecret(next(ids), "crew", None, "a secret", now, None)
        old.ports.store.transact(lambda tx: tx.endpoints.add_secret(secret))

    write()
    done = reencrypt(keyed("new,a key"), write)
    assert (done.written, done.left, done.sealed) == ({"signing secrets": PASSES}, 1, 0)
    assert not done.is_complete


def test_what_no_key_opens_is_counted_once(keyed: Keyed) -> None:
    add_endpoints(keyed("lost"), "one", "two")
    done = reencrypt(keyed("new,a key"))
    assert (done.written, done.left, done.sealed) == ({}, 0, 2)
    assert not done.is_complete


def test_an_endpoint_keeps_its_id_once_old_keys_are_dropped(old: World, keyed: Keyed) -> None:
    ids = add_endpoints(old.ports, "one")
    reencrypt(keyed("new,a key"))
    assert add_endpoints(keyed("new"), "one") == ids
    reencrypt(keyed("newer,new"))
    assert add_endpoints(keyed("newer"), "one") == ids


@pytest.mark.parametrize("actor", [OPERATOR, "cli:alice"])
def test_the_audit_log_has_who_began_it(keyed: Keyed, actor: str) -> None:
    ports = keyed("new,a key")
    reencrypt(ports) if actor is OPERATOR else reencrypt(ports, actor=actor)
    (entry,) = newest_entries(ports, 1)
    assert (entry.actor, entry.event, entry.subject_id) == (actor, "secrets.reencrypt", "secrets")
    assert (entry.deployment, entry.details) == (None, {})

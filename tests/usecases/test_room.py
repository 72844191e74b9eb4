"""Drains that find no room: they come when there is some, and notices go first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from databases import beat
from post import MoodyReceiver, Post
from sqlalchemy import update

from orchestrator.adapters.sql.schema import drains
from orchestrator.usecases.operations.sweep import sweep


@pytest.fixture
def narrow_post(any_post: Post) -> Post:
    """Where a host is sent one at a time."""
    limits = replace(any_post.ports.send_limits, per_host=1)
    any_post.ports = replace(any_post.ports, send_limits=limits)
    return any_post


def meanwhile(post: Post, happens: Callable[[], object]) -> None:
    """While the next delivery is sent."""

    def once(_: str) -> None:
        post.crash = None
        happens()

    post.crash = once


def known_well(post: Post, *urls: str) -> None:
    for url in urls:
        post.commit(url)
        post.work()


def test_a_notice_takes_the_room_of_a_busy_endpoint_at_its_host(narrow_post: Post) -> None:
    post = narrow_post
    with MoodyReceiver() as receiver:
        busy, asked = f"{receiver.url}busy", f"{receiver.url}asked"
        known_well(post, busy, asked)
        notices: list[str] = []

        def ask() -> None:
            notices.extend(post.commit(asked, kind="human_input"))
            assert post.work() == 0  # there is no room

        post.commit(busy, 300)
        meanwhile(post, ask)
        post.work()

        assert receiver.ids.index(notices[0]) < 2 + 100  # one batch
        assert post.states() == {"DELIVERED": 303}


def test_a_refused_drain_comes_when_room_is_left(narrow_post: Post) -> None:
    post = narrow_post
    with MoodyReceiver() as receiver:
        busy, other = f"{receiver.url}busy", f"{receiver.url}other"
        known_well(post, busy, other)

        def commit() -> None:
            post.commit(other)
            assert post.work() == 0

        post.commit(busy, 3)
        meanwhile(post, commit)
        post.work()

        assert post.states() == {"DELIVERED": 6}


def test_a_notice_goes_first_at_its_own_endpoint(any_post: Post) -> None:
    post = any_post
    with MoodyReceiver() as receiver:
        known_well(post, receiver.url)
        notices: list[str] = []
        post.commit(receiver.url, 300)
        post.clock.turn(seconds=1)
        meanwhile(post, lambda: notices.extend(post.commit(receiver.url, kind="human_input")))
        post.work()

        assert receiver.ids.index(notices[0]) < 1 + 100


def test_a_refused_drain_comes_again_where_whoever_had_the_room_died(narrow_post: Post) -> None:
    post = narrow_post
    with MoodyReceiver() as receiver:
        elsewhere = f"{receiver.url}elsewhere"
        known_well(post, receiver.url, elsewhere)
        dead = post.endpoint(elsewhere)
        lease = post.clock.at - post.clock.at.replace(year=2000)
        post.ports.store.transact(
            lambda tx: tx.drains.hold("dead", dead.id, dead.host_id, lease, unproven=False)
        )
        post.commit(receiver.url)
        assert post.work() == 0

        with post.ports.store._writer.begin() as connection:
            long_ago = datetime(2000, 1, 1, tzinfo=UTC)
            connection.execute(update(drains).values(lease_until=long_ago))
        beat(post.ports.store)
        sweep(post.ports)
        post.work()

        assert post.states() == {"DELIVERED": 3}


def test_a_notice_has_room_though_all_that_unknown_receivers_have_is_taken(any_post: Post) -> None:
    post = any_post
    post.ports = replace(post.ports, send_limits=replace(post.ports.send_limits, unproven=1))
    with MoodyReceiver() as first, MoodyReceiver() as other, MoodyReceiver() as asked:
        received: list[int] = []

        def commit() -> None:
            post.commit(other.url)
            post.commit(asked.url, kind="human_input")
            post.work()
            received.extend([len(other.received), len(asked.received)])

        post.commit(first.url)
        meanwhile(post, commit)
        post.work()

    assert received == [0, 1]

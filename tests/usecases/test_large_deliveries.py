"""Webhooks of megabytes: a drain holds few of them at a time."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

from post import MoodyReceiver, Post
from sqlalchemy import update

from orchestrator.adapters.sql.schema import deliveries
from orchestrator.usecases.webhooks.endpoints import disable_endpoint

SIZE = 2 * 1024 * 1024
COUNT = 20


class ForgetfulReceiver(MoodyReceiver):
    """Keeps no bodies: it runs in the process whose memory is looked at."""

    def take(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        return super().take(headers, body[:1])


def enlarge(post: Post) -> None:
    """Give what waits bodies of that size."""
    waiting = [each.id for each in post.all() if each.finished_at is None]
    for delivery_id in waiting:
        large = replace(post.get(delivery_id), id=post.ports.ids.new(), body=b"x" * SIZE)
        post.ports.store.transact(lambda tx, large=large: tx.deliveries.add([large]))
    with post.ports.store._writer.begin() as connection:
        done = update(deliveries).where(deliveries.c.id.in_(waiting)).values(state="CANCELLED")
        connection.execute(done)


def test_many_large_bodies_are_not_in_memory_together(post: Post) -> None:
    with ForgetfulReceiver() as receiver:
        post.commit(receiver.url)
        post.work()
        post.commit(receiver.url, COUNT)
        enlarge(post)
        tracemalloc.start()
        post.work()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert post.states()["DELIVERED"] == COUNT + 1
    assert peak < 6 * SIZE  # two are claimed together: what the first two were is let go of


def test_large_bodies_that_nobody_is_sent_are_not_read(post: Post) -> None:
    post.commit("nonsense", COUNT)
    enlarge(post)
    disable_endpoint(post.ports, post.endpoint("nonsense").id, "cli:alice")
    tracemalloc.start()
    post.work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert post.states() == {"CANCELLED": 2 * COUNT}
    assert peak < SIZE

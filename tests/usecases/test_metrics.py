"""Figures go by the database's clock, whatever that of the machine says on which they are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from post import MoodyReceiver, Post
from world import World

from orchestrator.ports import Ports
from orchestrator.usecases.intake.take_messages import Message, take
from orchestrator.usecases.operations.delivery_metrics import delivery_metrics
from orchestrator.usecases.operations.metrics import Backlog, metrics

both_ways = pytest.mark.parametrize("minutes", [-10, 10])


def wrong_by(ports: Ports, minutes: float) -> Ports:
    """The same world on a machine whose clock is wrong."""
    right = ports.clock
    clock = SimpleNamespace(now=lambda: right.now() + timedelta(minutes=minutes))
    return replace(ports, clock=clock)


@both_ways
def test_what_is_due_has_waited_for_as_long_as_it_has(
    a_world: Callable[..., World], later: Callable[[float], None], minutes: float
) -> None:
    world = a_world("write")
    world.kickoff()
    later(60)
    assert metrics(wrong_by(world.ports, minutes)).due["crew"] == Backlog(1, 60)


@both_ways
def test_a_webhook_is_late_by_as_much_as_it_is(post: Post, minutes: float) -> None:
    with MoodyReceiver() as receiver:
        post.commit(receiver.url)
        post.clock.turn(seconds=60)
        assert delivery_metrics(wrong_by(post.ports, minutes)).oldest_due_seconds == 60


@both_ways
def test_a_message_is_refused_when_it_is(a_world: Callable[..., World], minutes: float) -> None:
    world = a_world("write")
    wrong = wrong_by(world.ports, minutes)
    message = Message(str(uuid4()), "orchestrator.kickoff", {"v": 2})
    now = world.ports.store.read(lambda tx: tx.now())
    assert abs(take(wrong, message).received_at - now) < timedelta(minutes=1)
    assert metrics(wrong).refused_messages == 1

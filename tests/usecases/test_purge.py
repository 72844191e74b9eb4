from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from post import MoodyReceiver, Post
from structlog.testing import capture_logs
from world import World

from orchestrator.domain.canonical import digest
from orchestrator.domain.intake import IntakeMessage, IntakeState
from orchestrator.domain.output import Output
from orchestrator.domain.permission import EVERYWHERE
from orchestrator.errors import TaskFailed
from orchestrator.ports import Ports
from orchestrator.usecases.executions.retry import retry_execution
from orchestrator.usecases.intake.take_messages import Message, take
from orchestrator.usecases.operations import purge as purging
from orchestrator.usecases.operations.purge import purge
from orchestrator.usecases.operations.sweep import sweep
from orchestrator.usecases.webhooks.deliveries import replay_delivery


def keeping(post: Post, **age: float) -> Post:
    post.ports = replace(post.ports, keep_finished=timedelta(**age))
    return post


def purged_everything(post: Post) -> None:
    while purge(post.ports):
        pass


def put_out(post: Post, execution_id: str) -> str:
    """An execution's output, as it is stored; gives its id."""
    output_id = post.ports.ids.new()
    now = post.clock.now()
    post.ports.store.transact(
        lambda tx: tx.outputs.add(output_id, execution_id, Output("private words"), now)
    )
    return output_id


def test_what_finished_long_ago_is_purged(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purging, "DELIVERIES_AT_A_TIME", 2)
    with MoodyReceiver() as receiver:
        (sent, *_) = post.commit(receiver.url, 5)
        post.work()
        execution_id = post.get(sent).execution_id
        output_id = put_out(post, execution_id)
        post.clock.turn(days=31)
        purged_everything(keeping(post, days=30))

    assert post.all() == ()
    assert post.ports.store.read(lambda tx: tx.outputs.get([output_id]))[output_id].raw == ""
    assert purged_at(post.ports, execution_id) == post.clock.at


def test_the_timeline_stays(post: Post) -> None:
    with MoodyReceiver() as receiver:
        (sent,) = post.commit(receiver.url)
        post.work()
        execution_id = post.get(sent).execution_id
        post.clock.turn(days=31)
        purged_everything(keeping(post, days=30))

    assert len(post.ports.store.read(lambda tx: tx.timeline.of(execution_id))) == 1


def test_what_is_not_old_enough_is_kept(post: Post) -> None:
    with MoodyReceiver() as receiver:
        post.commit(receiver.url)
        post.work()
        post.clock.turn(days=29)
        purged_everything(keeping(post, days=30))

    assert len(post.all()) == 1


def test_what_is_still_being_told_is_kept_whole(post: Post) -> None:
    with MoodyReceiver(200, 500) as receiver:
        post.commit(receiver.url, 2)
        post.work()
        post.clock.turn(hours=2)
        purged_everything(keeping(post, hours=1))

    assert len(post.all()) == 2


def purged_at(ports: Ports, execution_id: str) -> datetime | None:
    found = ports.store.read(lambda tx: tx.executions.get(execution_id))
    assert found
    return found.purged_at


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Has something happen once it is known what is old, before that is purged."""

    def forget(*_: object) -> int:
        happens()
        return 0

    monkeypatch.setattr(purging, "_forget_all", forget)


def test_what_is_sent_again_meanwhile_is_kept(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    with MoodyReceiver() as receiver:
        (sent,) = post.commit(receiver.url)
        post.work()
    post.clock.turn(days=31)
    meanwhile(monkeypatch, lambda: replay_delivery(post.ports, sent, "tests"))
    assert purge(keeping(post, days=30).ports) == 0
    assert purged_at(post.ports, post.get(sent).execution_id) is None


def test_what_runs_again_meanwhile_is_kept(
    a_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = a_world("write")
    world.runner.behaviour = TaskFailed("no ink", retryable=False)
    execution_id = world.halted()
    world.ports = replace(world.ports, keep_finished=timedelta())
    meanwhile(monkeypatch, lambda: retry_execution(world.ports, EVERYWHERE, execution_id, "tests"))
    assert purge(world.ports) == 0
    assert purged_at(world.ports, execution_id) is None


def test_one_that_cannot_be_purged_keeps_none_of_the_others(
    a_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = a_world("write")
    first, second = world.halted(), world.halted()
    world.ports = replace(world.ports, keep_finished=timedelta())
    purge_one = purging._purge

    def stumble(ports: Ports, execution_id: str) -> int:
        if execution_id == first:
            raise ZeroDivisionError
        return purge_one(ports, execution_id)

    monkeypatch.setattr(purging, "_purge", stumble)
    with capture_logs() as lines:
        assert purge(world.ports) == 1
    assert [purged_at(world.ports, each) is None for each in (first, second)] == [True, False]
    told = {"event": "an execution could not be purged", "execution_id": first}
    assert lines == [{**told, "exc_info": True, "log_level": "error"}]


def test_by_default_everything_is_kept(post: Post) -> None:
    with MoodyReceiver() as receiver:
        post.commit(receiver.url)
        post.work()
        post.clock.turn(days=10_000)
        purged_everything(post)

    assert len(post.all()) == 1


def test_what_people_said_is_purged_and_a_digest_stays_that_nobody_can_guess(
    a_world: Callable[..., World], later: Callable[[float], None]
) -> None:
    world = a_world("write?")
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=True, words="private words")
    message = IntakeMessage(
        id=execution_id,
        job="orchestrator.answer",
        deployment="crew",
        body={"human_feedback": "private words"},
        state=IntakeState.ACCEPTED,
        reason=None,
        execution_id=execution_id,
        received_at=world.ports.clock.now(),
    )
    world.ports.store.transact(lambda tx: tx.intake.put(message))
    assert "private words" in everything_about(world, execution_id)

    later(60)
    world.ports = replace(world.ports, keep_finished=timedelta(seconds=1))
    assert purge(world.ports) == 1

    left = everything_about(world, execution_id)
    assert "private words" not in left
    assert "feedback_digest" in left
    assert digest("private words") not in left


def test_a_message_that_was_refused_is_deleted_once_it_is_old(
    a_world: Callable[..., World], later: Callable[[float], None]
) -> None:
    world = a_world("write?")
    world.ports = replace(world.ports, keep_finished=timedelta(days=30))
    refused = take(world.ports, Message(str(uuid4()), "orchestrator.kickoff", {"v": 2}))
    assert purge(world.ports) == 0

    later(31 * 86_400)
    assert purge(world.ports) == 1
    assert world.ports.store.read(lambda tx: tx.intake.get(refused.id)) is None


def test_what_comes_in_faster_than_in_batches_is_deleted_in_the_same_hour(
    a_world: Callable[..., World], later: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "UNANSWERED_AT_A_TIME", 2)
    world = a_world("write?")
    world.ports = replace(world.ports, keep_finished=timedelta(days=30))
    for _ in range(5):
        take(world.ports, Message(str(uuid4()), "orchestrator.kickoff", {"v": 2}))
    later(31 * 86_400)
    assert sweep(world.ports).purged == 5


def test_what_has_become_old_is_purged_before_the_hour_is_over(
    a_world: Callable[..., World],
) -> None:
    world = a_world("write")
    world.ports = replace(world.ports, keep_finished=timedelta(minutes=10))
    with time_machine.travel("2026-11-22T12:10:00+00:00", tick=False) as now:
        sweep(world.ports)
        execution_id = world.halted()
        now.shift(timedelta(minutes=11))
        assert sweep(world.ports).purged == 1
        assert purged_at(world.ports, execution_id) == world.ports.clock.now()


def test_a_service_with_nothing_to_do_deletes_what_is_old(
    a_world: Callable[..., World], later: Callable[[float], None]
) -> None:
    world = a_world("write?")
    world.ports = replace(world.ports, keep_finished=timedelta(days=30))
    refused = take(world.ports, Message(str(uuid4()), "orchestrator.kickoff", {"v": 2}))
    assert sweep(world.ports).purged == 0
    later(31 * 86_400)
    assert sweep(world.ports).purged == 1
    assert world.ports.store.read(lambda tx: tx.intake.get(refused.id)) is None


def everything_about(world: World, execution_id: str) -> str:
    """All that the database has of an execution, as text."""
    told = world.ports.store.read(
        lambda tx: (
            tx.executions.get(execution_id),
            tx.reviews.of(execution_id),
            tx.timeline.of(execution_id),
            tx.deliveries.of(execution_id),
            tx.intake.get(execution_id),
        )
    )
    return str(told)

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from post import MoodyReceiver, Post

from orchestrator.domain.output import Output
from orchestrator.usecases.operations.purge import purge


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


def test_what_finished_long_ago_is_purged(post: Post) -> None:
    with MoodyReceiver() as receiver:
        (sent, *_) = post.commit(receiver.url, 450)
        post.work()
        execution_id = post.get(sent).execution_id
        output_id = put_out(post, execution_id)
        post.clock.turn(days=31)
        purged_everything(keeping(post, days=30))

    assert post.all() == ()
    assert post.ports.store.read(lambda tx: tx.outputs.get([output_id]))[output_id].raw == ""
    execution = post.ports.store.read(lambda tx: tx.executions.get(execution_id))
    assert execution is not None
    assert execution.purged_at == post.clock.at


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


def test_by_default_everything_is_kept(post: Post) -> None:
    with MoodyReceiver() as receiver:
        post.commit(receiver.url)
        post.work()
        post.clock.turn(days=10_000)
        purged_everything(post)

    assert len(post.all()) == 1

"""What a runner is given of what was committed, asked and answered, as the checkpoints have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from world import World

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.checkpoint import Cause
from orchestrator.domain.history import Answered, Asked, Committed, Cut, Entry
from orchestrator.ports import Transaction
from orchestrator.usecases.executions.history import read_history
from orchestrator.usecases.executions.locked_execution import LockedExecution, lock_execution

Make = Callable[..., World]
Write = Callable[[LockedExecution], Any]


def history_of(world: World, execution_id: str, write: Write = lambda _: None) -> tuple[Entry, ...]:
    """As the writer would see it, once these checkpoints are written too."""

    def work(tx: Transaction) -> tuple[Entry, ...]:
        locked = lock_execution(world.ports, tx, execution_id, "tests")
        write(locked)
        entries = read_history(locked, "write")
        locked.close()
        return entries

    return world.ports.store.transact(work)


def test_the_states_of_a_flow_come_with_what_was_committed_and_asked(
    a_world_of_each: Make,
) -> None:
    world = a_world_of_each("write?")
    execution_id = world.halted()
    (review,) = world.snapshot(execution_id).reviews
    committed: JsonObject = {"draft": 1}
    asked: JsonObject = {"draft": 2}

    def write(locked: LockedExecution) -> None:
        of_it = {"output_id": review.output_id}
        locked.checkpoint(Cause.COMMIT, "write", state=committed, **of_it)
        locked.checkpoint(Cause.ASK, "write", state=asked, review_id=review.id, **of_it)
        locked.checkpoint(Cause.CUT, "write")

    first, *rest = history_of(world, execution_id, write)

    assert isinstance(first, Asked)
    assert (first.review_id, first.state) == (review.id, None)
    assert rest == [
        Committed("write", first.output, committed),
        Asked("write", review.id, review.question, first.output, asked),
        Cut("write"),
    ]


def test_an_answer_comes_with_its_round_and_whether_it_was_read(a_world_of_each: Make) -> None:
    world = a_world_of_each("write?", "print")
    execution_id = world.halted()
    for words in ("shorter", "shorter still"):
        world.answer(execution_id, "write", approve=False, words=words)
        unread = history_of(world, execution_id)
        world.work()
        read = history_of(world, execution_id)
        told = [each for each in read if isinstance(each, Answered)]
        assert told[-1].words == words
        assert [each.round for each in told] == list(range(1, len(told) + 1))
        assert all(each.was_read for each in told)
        newest = [each for each in unread if isinstance(each, Answered)][-1]
        assert (newest.words, newest.was_read) == (words, False)

"""Executions that wait while the tasks of their deployment are renamed: they are migrated."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from renamed_world import (
    RENAMED,
    committed,
    deploys,
    migrations,
    open_review,
    ran,
    require_sound,
    told,
)
from world import WorkerDied

from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.permission import EVERYWHERE
from orchestrator.errors import UnknownTask
from orchestrator.usecases.executions.claims import end_claims_of_lost_child
from orchestrator.usecases.executions.retry import retry_execution
from orchestrator.usecases.operations.load_deployments import load_deployments


def test_an_answer_by_the_new_name_migrates_the_execution_and_goes_on(begun: Any) -> None:
    world = begun("crew_before")
    execution_id = world.halted()
    asked = open_review(world, execution_id)
    plan = world.snapshot(execution_id).execution.plan_digest
    deploys(world, "crew_after", RENAMED)

    answered = world.answer(execution_id, "draft", approve=True, words="Well done")
    assert answered["review_id"] == asked.id
    world.work()

    shown = world.snapshot(execution_id)
    assert shown.execution.state is ExecutionState.SUCCEEDED
    assert [each.name for each in shown.committed] == ["research", "draft", "print"]
    assert {each.task_name for each in shown.runs} == {"research", "draft", "print"}
    assert [each.name for each in shown.graph.nodes] == ["research", "draft", "print"]
    assert told("print").outputs == {"research": "research 1", "draft": "write 1"}
    assert "task 'draft' (round 1, approved):\nWell done" in told("print").context
    (line,) = migrations(world, execution_id)
    assert line.details == {
        "renamed": RENAMED,
        "from_plan": plan,
        "to_plan": shown.execution.plan_digest,
    }
    assert plan != shown.execution.plan_digest
    require_sound(world)


def test_an_answer_by_the_reviews_id_does_as_well(begun: Any) -> None:
    world = begun("crew_before")
    execution_id = world.halted()
    asked = open_review(world, execution_id)
    deploys(world, "crew_after", RENAMED)

    world.answer(execution_id, asked.id, approve=False, words="Shorter")
    assert len(migrations(world, execution_id)) == 1
    world.work()
    again = open_review(world, execution_id)
    assert (again.task_name, again.path, again.round) == ("draft", "draft", 2)
    assert again.question.name == "draft"
    assert told("draft").previous_answer == "write 1"
    assert told("draft").feedback == ("Shorter",)
    world.answer(execution_id, "draft", approve=True)
    world.work()
    assert ran() == ["research", "write", "draft", "print"]


def test_the_old_name_is_none_any_more_and_an_answer_that_is_refused_changes_nothing(
    begun: Any,
) -> None:
    world = begun("crew_before")
    execution_id = world.halted()
    before = world.snapshot(execution_id)
    deploys(world, "crew_after", RENAMED)

    with pytest.raises(UnknownTask, match="draft"):
        world.answer(execution_id, "write", approve=True)
    after = world.snapshot(execution_id)
    assert (after.execution, after.reviews) == (before.execution, before.reviews)
    assert migrations(world, execution_id) == []


def test_while_a_worker_with_the_old_code_lives_it_goes_on_with_that(begun: Any) -> None:
    world = begun("crew_before")
    old = world.ports
    execution_id = world.halted()
    deploys(world, "crew_after", RENAMED)
    load_deployments(old, "old", old.deployments.queues(), "old/1")
    load_deployments(world.ports, "w-1", world.ports.deployments.queues(), "w-1/1")

    world.answer(execution_id, "write", approve=True)
    (job,) = world.jobs
    world.run(job)
    assert migrations(world, execution_id) == []
    world.ports = old
    world.work()
    assert committed(world, execution_id) == ["research", "write", "publish"]


def test_the_claim_of_a_worker_migrates_what_nobody_answers(begun: Any) -> None:
    world = begun("crew_before")
    execution_id = world.kickoff()
    world.run(world.jobs.pop(0))
    deploys(world, "crew_after", RENAMED)

    world.work()
    assert open_review(world, execution_id).task_name == "draft"
    assert len(migrations(world, execution_id)) == 1
    assert ran() == ["research", "draft"]


def test_others_see_the_open_review_under_its_new_name_once_a_worker_has_claimed(
    begun: Any,
) -> None:
    world = begun("beside_before")
    execution_id = world.kickoff()
    world.run(world.jobs.pop(0))
    asked = open_review(world, execution_id)
    assert asked.task_name == "left"
    deploys(world, "beside_after", {"left": "port", "right": "starboard"})
    world.work()

    shown = open_review(world, execution_id)
    assert (shown.id, shown.task_name, shown.path) == (asked.id, "port", "port")
    assert world.snapshot(execution_id).current_task == "port"
    world.answer(execution_id, "port", approve=True)
    world.work()
    assert told("join").outputs == {"port": "left 1", "starboard": "starboard 1"}


@pytest.mark.parametrize("asked_too", [True, False])
def test_of_many_that_come_at_once_one_migrates(begun: Any, asked_too: bool) -> None:  # noqa: FBT001
    world = begun("beside_before")
    execution_id = world.kickoff()
    jobs = list(world.jobs)
    if asked_too:
        world.run(jobs.pop(0))
    deploys(world, "beside_after", {"left": "port", "right": "starboard"})

    def answers() -> None:
        world.answer(execution_id, "port", approve=True)

    with ThreadPoolExecutor(4) as pool:
        doing = [pool.submit(world.run, job) for job in jobs]
        if asked_too:
            doing.append(pool.submit(answers))
        for each in doing:
            assert each.exception() is None
    del world.jobs[:2]
    world.work()
    if not asked_too:
        answers()
        world.work()
    assert len(migrations(world, execution_id)) == 1
    assert sorted(committed(world, execution_id)) == ["join", "port", "starboard"]
    assert len(ran()) == 3
    require_sound(world)


def test_what_is_written_by_the_old_names_comes_before(begun: Any) -> None:
    world = begun("beside_before")
    execution_id = world.kickoff()
    left, right = world.jobs
    world.jobs.clear()

    def dies(*_: Any) -> Any:
        raise WorkerDied

    world.runner.run = dies
    with pytest.raises(WorkerDied):
        world.run(left)
    del world.runner.run
    deploys(world, "beside_after", {"left": "port", "right": "starboard"})

    world.run(right)
    assert migrations(world, execution_id) == []
    end_claims_of_lost_child(world.ports, "w-1", left.arguments["task_run_id"])
    world.hurry()
    world.run(right)
    assert committed(world, execution_id) == ["starboard"]
    world.run(left)
    assert len(migrations(world, execution_id)) == 1
    assert open_review(world, execution_id).task_name == "port"


def test_an_answer_does_not_migrate_what_somebody_is_at_work_on(begun: Any) -> None:
    world = begun("beside_before")
    execution_id = world.kickoff()
    left, right = world.jobs
    world.jobs.clear()
    world.run(left)
    asked = open_review(world, execution_id)
    found: list[Any] = []

    def meanwhile(*_: Any) -> Any:
        deploys(world, "beside_after", {"left": "port", "right": "starboard"})
        world.answer(execution_id, asked.id, approve=True)
        found.extend(migrations(world, execution_id))
        raise WorkerDied

    world.runner.run = meanwhile
    with pytest.raises(WorkerDied):
        world.run(right)
    assert found == []


def test_an_answer_does_not_migrate_to_code_that_no_live_worker_has(begun: Any) -> None:
    world = begun("crew_before")
    execution_id = world.halted()
    deploys(world, "crew_after", RENAMED)
    world.ports.store.transact(lambda tx: tx.workers.gone("w-1"))
    world.answer(execution_id, "write", approve=True)
    assert migrations(world, execution_id) == []


REFUSED = [
    ({"wrote": "draft", "publish": "print"}, "'wrote' is no task of the old plan"),
    ({"write": "draft"}, "nothing says what became of 'publish'; 'print' is new"),
    ({"write": "draft", "publish": "prnt"}, "'prnt', which 'publish' is to become, is no task of"),
    ({"write": "draft", "publish": "draft"}, "'write' and 'publish' would both be 'draft'"),
]


@pytest.mark.parametrize(("renamed", "said"), REFUSED)
def test_what_does_not_fit_is_refused_with_a_sentence_and_can_be_mended(
    begun: Any, renamed: dict[str, str], said: str
) -> None:
    world = begun("crew_before")
    execution_id = world.halted()
    asked = open_review(world, execution_id)
    plan = world.snapshot(execution_id).execution.plan_digest
    deploys(world, "crew_after", renamed)
    world.answer(execution_id, asked.id, approve=True)
    world.work()

    failed = world.snapshot(execution_id)
    assert failed.execution.state is ExecutionState.FAILED
    assert f"What the deployment has as 'renamed' does not fit: {said}" in str(
        failed.execution.error
    )
    assert failed.execution.plan_digest == plan
    assert [each.path for each in failed.committed] == ["research", "write"]
    assert migrations(world, execution_id) == []

    deploys(world, "crew_after", RENAMED)
    retry_execution(world.ports, EVERYWHERE, execution_id, "tests")
    world.work()
    assert committed(world, execution_id) == ["research", "draft", "print"]
    assert ran() == ["research", "write", "print"]


MOVED = [
    ("crew_shifted", ("find", "research", "write")),
    ("crew_moved_down", ("write", "publish", "print")),
]


@pytest.mark.parametrize(("code", "names"), MOVED)
def test_names_that_others_had_before_are_told_apart(
    begun: Any, code: str, names: tuple[str, str, str]
) -> None:
    world = begun("crew_before")
    execution_id = world.halted()
    first, second, third = names
    deploys(world, code, dict(zip(("research", "write", "publish"), names, strict=True)))
    world.answer(execution_id, second, approve=False, words="Shorter")
    world.work()
    world.answer(execution_id, second, approve=True)
    world.work()
    assert committed(world, execution_id) == list(names)
    assert told(third).outputs == {first: "research 1", second: f"{second} 2"}
    assert ran() == ["research", "write", second, third]


def test_one_renamed_twice_goes_on_from_either_plan(begun: Any) -> None:
    world = begun("crew_before")
    first, second = world.halted(), world.halted()
    deploys(world, "crew_after", RENAMED)
    world.answer(second, "draft", approve=False, words="Shorter")
    world.work()
    deploys(world, "crew_later", {**RENAMED, "draft": "text", "research": "find"})
    for each in (first, second):
        world.answer(each, "text", approve=True)
    world.work()
    for each in (first, second):
        assert committed(world, each) == ["find", "text", "print"]
    assert told("print").outputs == {"find": "research 1", "text": "draft 2"}
    assert [len(migrations(world, each)) for each in (first, second)] == [1, 2]


def test_an_attempt_after_the_migration_has_the_key_of_those_before(begun: Any) -> None:
    world = begun("crew_before")
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=False, words="Shorter")
    deploys(world, "crew_after", RENAMED)
    world.work()
    assert told("draft").idempotency_key == f"{execution_id}:write:2"
    assert told("research").idempotency_key == f"{execution_id}:research:1"


def test_words_for_a_renamed_task_reach_it(begun: Any) -> None:
    world = begun("crew_before")
    execution_id = world.halted()
    asked = open_review(world, execution_id)
    body = {"is_approve": True, "human_feedback": "For print", "feedback_scope": ["publish"]}
    world.say(execution_id, asked.id, **body)
    deploys(world, "crew_after", RENAMED)
    world.work()
    assert "For print" in told("print").feedback


def test_the_figures_of_a_task_go_with_it(begun: Any) -> None:
    world = begun("crew_before")
    execution_id = world.halted()
    deploys(world, "crew_after", RENAMED)
    world.answer(execution_id, "draft", approve=True)
    world.work()
    figures = world.ports.store.read(lambda tx: tx.figures.tasks())
    assert {each.task: each.runs for each in figures} == {"research": 1, "draft": 1, "print": 1}

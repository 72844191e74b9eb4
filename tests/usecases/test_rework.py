"""A reviewer sends the work back to an earlier task: what follows from it runs anew, no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from world import World, plan_of

from orchestrator.domain.checkpoint import Cause
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.plan import Plan, PlannedTask, TaskKind
from orchestrator.errors import AlreadyAnswered, Invalid
from orchestrator.usecases.executions.snapshot import timeline

AWorld = Callable[..., World]


def send_back(world: World, execution_id: str, to: str, words: str = "newer figures") -> Any:
    said = {"is_approve": False, "human_feedback": words, "rework_from": to}
    return world.say(execution_id, "write", **said)


def ran(world: World) -> list[tuple[str, int]]:
    return [(work.path, work.round) for work in world.runner.chains]


def seeing(plan: Plan, **contexts: tuple[str, ...]) -> Plan:
    """The plan with tasks that name what they see."""
    tasks = [replace(each, context=contexts.get(each.name)) for each in plan.tasks]
    return replace(plan, tasks=tuple(tasks))


def finish(world: World, execution_id: str) -> ExecutionState:
    while pending := world.snapshot(execution_id).pending:
        world.answer(execution_id, pending[0].review.id, approve=True)
        world.work()
    return world.snapshot(execution_id).execution.state


def test_the_task_runs_again_with_the_words_and_so_does_what_follows(
    a_world_of_each: AWorld,
) -> None:
    world = a_world_of_each("research", "outline", "write?", "publish")
    execution_id = world.halted()

    told = send_back(world, execution_id, "research")
    assert (told["status"], "back to 'research'" in told["message"]) == ("retrying", True)
    world.work()

    assert ran(world)[3:] == [("research", 2), ("outline", 2), ("write", 2)]
    research, outline, write = world.runner.chains[3:]
    (round_,) = research.previous_rounds
    assert (round_.words, round_.output.raw) == ("newer figures", "research, round 1")
    assert "newer figures" in outline.added_context()[0]
    assert write.previous_rounds == ()
    assert write.outputs["research"].raw == "research, round 2"
    assert finish(world, execution_id) is ExecutionState.SUCCEEDED
    assert ran(world)[6:] == [("publish", 1)]


def test_what_does_not_follow_from_it_does_not_run_again(a_world: AWorld) -> None:
    plan = seeing(
        plan_of("research", "pictures", "write?", "publish"), pictures=(), write=("research",)
    )
    world = a_world("research")
    world.loads(plan)
    execution_id = world.halted()
    send_back(world, execution_id, "research")
    world.work()
    assert ran(world)[3:] == [("research", 2), ("write", 2)]
    assert finish(world, execution_id) is ExecutionState.SUCCEEDED


def test_work_goes_back_to_what_the_review_s_task_follows_from_alone(a_world: AWorld) -> None:
    plan = seeing(
        plan_of("research", "pictures", "write?", "publish"), pictures=(), write=("research",)
    )
    world = a_world("research")
    world.loads(plan)
    execution_id = world.halted()
    with pytest.raises(Invalid) as refused:
        send_back(world, execution_id, "pictures")
    assert refused.value.details == {"rework_from": "one of: research"}
    assert refused.value.message == (
        "'rework_from' must name an earlier task that is done and that 'write' follows from: "
        "research."
    )


def test_work_goes_back_to_tasks_alone(a_world: AWorld) -> None:
    world = a_world("research")
    prepare = PlannedTask("prepare", kind=TaskKind.BEFORE_KICKOFF)
    world.loads(Plan((prepare, *plan_of("research", "outline", "write?").tasks)))
    execution_id = world.halted()
    with pytest.raises(Invalid) as refused:
        send_back(world, execution_id, "prepare")
    assert refused.value.details == {"rework_from": "one of: research, outline"}


def test_where_there_is_no_earlier_task_that_is_said(a_world: AWorld) -> None:
    world = a_world("write?")
    execution_id = world.halted()
    with pytest.raises(Invalid) as refused:
        send_back(world, execution_id, "write")
    assert refused.value.details == {"rework_from": "one of: there is none"}


def test_the_words_are_kept_as_said_of_the_earlier_task_s_output(a_world: AWorld) -> None:
    world = a_world("desk/research", "write?")
    execution_id = world.halted()
    for round_ in (1, 2):
        before = world.snapshot(execution_id).runs
        ran_last = [run for run in before if run.path == "desk/research"][-1]
        send_back(world, execution_id, "desk/research", f"words {round_}")
        found = world.snapshot(execution_id)
        note = [each for each in found.reviews if each.path == "desk/research"][-1]
        assert (note.task_run_id, note.round, note.words) == (
            ran_last.id,
            round_,
            f"words {round_}",
        )
        (answered,) = (each for each in found.reviews if each.passed_on_as == note.id)
        assert (answered.path, answered.round) == ("write", round_)
        last = world.ports.store.read(lambda tx: tx.checkpoints.of(execution_id))[-1]
        assert (last.cause, last.path, last.name) == (
            Cause.ANSWER,
            "desk/research",
            "desk/research",
        )
        assert last.review_id == note.id
        assert found.runs[-1].resumes
        world.work()


def test_an_approval_is_void_when_the_output_changes(a_world: AWorld) -> None:
    world = a_world("research?", "write?", "publish")
    execution_id = world.halted()
    world.answer(execution_id, "research", approve=True, words="fine")
    world.work()

    send_back(world, execution_id, "research")
    world.work()

    assert [each.review.task_name for each in world.snapshot(execution_id).pending] == ["research"]
    assert world.snapshot(execution_id).committed == ()
    assert finish(world, execution_id) is ExecutionState.SUCCEEDED


def test_what_was_asked_for_in_earlier_rounds_still_counts(a_world: AWorld) -> None:
    world = a_world("research", "write?")
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=False, words="shorter")
    world.work()
    send_back(world, execution_id, "research")
    world.work()
    write = world.runner.chains[-1]
    assert (write.round, [each.words for each in write.previous_rounds]) == (3, ["shorter"])
    send_back(world, execution_id, "research", "and from Europe")
    world.work()
    *_, research, write = world.runner.chains
    assert [each.words for each in research.previous_rounds] == ["newer figures", "and from Europe"]
    assert [each.words for each in write.previous_rounds] == ["shorter"]


def test_words_that_come_back_from_later_tasks_count_as_no_rounds_of_asking(
    a_world: AWorld,
) -> None:
    world = a_world("research?", "outline?", "write?", max_rounds=2)
    execution_id = world.halted()
    for task in ("outline", "write"):
        while (asked := world.snapshot(execution_id).pending[0].review).task_name != task:
            world.answer(execution_id, asked.id, approve=True)
            world.work()
        world.say(execution_id, task, is_approve=False, rework_from="research")
        world.work()
    (pending,) = world.snapshot(execution_id).pending
    assert (pending.review.task_name, pending.review.round) == ("research", 3)


def test_a_neighbour_that_does_not_follow_goes_on(a_world: AWorld) -> None:
    world = a_world("research")
    plan = seeing(plan_of("research", "~aside", "~write?", "join"), aside=())
    world.loads(plan)
    execution_id = world.kickoff()
    world.run(world.jobs.pop(0))
    aside, write = world.jobs
    world.jobs.clear()
    world.run(write)
    world.runner.before_answering = lambda: send_back(world, execution_id, "research")
    world.run(aside)
    assert "aside" in [each.path for each in world.snapshot(execution_id).committed]
    world.work()
    assert finish(world, execution_id) is ExecutionState.SUCCEEDED
    assert [path for path, _ in ran(world)].count("aside") == 1


def test_what_a_neighbour_asks_is_still_to_be_answered(a_world: AWorld) -> None:
    world = a_world("research")
    plan = seeing(plan_of("research", "~aside?", "~write?", "join"), aside=())
    world.loads(plan)
    execution_id = world.halted()
    before = {each.review.task_name: each.review for each in world.snapshot(execution_id).pending}
    send_back(world, execution_id, "research")
    assert [each.review for each in world.snapshot(execution_id).pending] == [before["aside"]]
    world.answer(execution_id, before["aside"].id, approve=True)
    world.work()
    assert finish(world, execution_id) is ExecutionState.SUCCEEDED
    assert [path for path, _ in ran(world)].count("aside") == 1


def test_the_review_has_its_one_decision(a_world: AWorld) -> None:
    world = a_world("research", "write?")
    execution_id = world.halted()
    (asked,) = world.snapshot(execution_id).pending
    send_back(world, execution_id, "research")
    with pytest.raises(AlreadyAnswered):
        world.answer(execution_id, asked.review.id, approve=True)
    answered = [
        each for each in timeline(world.ports, execution_id)[1] if each.event == "review.answer"
    ]
    assert [each.details["rework_from"] for each in answered] == ["research"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"is_approve": True, "rework_from": "research"}, "is_approve false"),
        ({"is_approve": False, "rework_from": "publish"}, "follows from: research"),
        ({"is_approve": False, "rework_from": "write"}, "follows from: research"),
        ({"is_approve": False, "rework_from": "nobody"}, "follows from: research"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    a_world: AWorld, said: dict[str, Any], why: str
) -> None:
    world = a_world("research", "write?", "publish")
    execution_id = world.halted()
    with pytest.raises(Invalid, match=why):
        world.say(execution_id, "write", **said)
    assert len(world.snapshot(execution_id).pending) == 1


def test_a_flow_says_why_not(a_flow: AWorld) -> None:
    world = a_flow("judged")
    execution_id = world.halted()
    with pytest.raises(Invalid) as refused:
        world.say(execution_id, "write", human_feedback="again", rework_from="write")
    assert refused.value.details == {"rework_from": "this is a flow"}
    assert refused.value.message == (
        "'rework_from' is for crews: in a flow its own code says what follows from a review. "
        "Choose an outcome that leads back, or rewind the execution to an earlier checkpoint."
    )


def test_a_choice_rejects_nothing(a_flow: AWorld) -> None:
    world = a_flow("loop")
    execution_id = world.halted()
    with pytest.raises(Invalid, match="rework_from"):
        world.say(execution_id, "review", human_feedback="again", rework_from="review")
    assert len(world.snapshot(execution_id).pending) == 1


def test_a_changed_prompt_under_an_open_review_voids_nothing(a_world: AWorld) -> None:
    world = a_world("write?", "publish")
    execution_id = world.halted()
    (asked,) = world.snapshot(execution_id).pending
    changed = tuple(replace(each, description="Other") for each in world.runner.the_plan.tasks)
    world.loads(replace(world.runner.the_plan, tasks=changed))
    world.answer(execution_id, asked.review.id, approve=True)
    world.work()
    found = world.snapshot(execution_id)
    assert found.execution.state is ExecutionState.SUCCEEDED
    assert [path for path, _ in ran(world)] == ["write", "publish"]

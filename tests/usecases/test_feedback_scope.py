"""Which tasks read what a person said: all later ones, the next retry alone, or those named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import user_flows
from policies import ANN, BEN, policy
from sqlalchemy import Text, delete, type_coerce, update
from world import World

from orchestrator import FunctionFlow, TaskCall, step
from orchestrator.adapters.sql.schema import manifests, plans
from orchestrator.domain.history import Answered
from orchestrator.domain.output import Output
from orchestrator.domain.reach import reach
from orchestrator.domain.review import judge
from orchestrator.domain.work import Work
from orchestrator.errors import Invalid
from orchestrator.ports import Halted
from orchestrator.usecases.executions.snapshot import timeline
from orchestrator.usecases.reviews.reach import reach_of

Make = Callable[..., World]


def told(world: World) -> dict[str, str]:
    """What people's words added to the last context of each task."""
    return {work.path: "|".join(work.added_context()) for work in world.runner.chains}


def reject(world: World, execution_id: str, words: str, **more: Any) -> None:
    world.say(execution_id, "write", is_approve=False, human_feedback=words, **more)
    world.work()


def approve(world: World, execution_id: str, words: str = "", **more: Any) -> None:
    world.say(execution_id, "write", is_approve=True, human_feedback=words, **more)
    world.work()


def test_words_for_the_retry_reach_that_retry_and_nothing_after_it(a_world_of_each: Make) -> None:
    world = a_world_of_each("write?", "print", "send")
    execution_id = world.halted()

    reject(world, execution_id, "Shorter", feedback_scope="retry")
    assert "Shorter" in told(world)["write"]
    reject(world, execution_id, "Friendlier")
    assert "Shorter" not in told(world)["write"]
    assert "Friendlier" in told(world)["write"]

    approve(world, execution_id)
    assert "Shorter" not in told(world)["print"] + told(world)["send"]
    assert "Friendlier" in told(world)["print"]


def test_words_for_named_tasks_reach_these_and_the_retry(a_world_of_each: Make) -> None:
    world = a_world_of_each("write?", "print", "send")
    execution_id = world.halted()

    reject(world, execution_id, "For the post", feedback_scope=["send"])
    approve(world, execution_id, "For the printer", feedbackScope=["print", "print"])

    assert "For the post" in told(world)["write"]
    assert told(world)["print"].endswith("For the printer")
    assert "For the post" not in told(world)["print"]
    assert "For the printer" not in told(world)["send"]
    assert "For the post" in told(world)["send"]


@pytest.mark.parametrize("scope", [{}, {"feedback_scope": "onward"}, {"feedback_scope": None}])
def test_without_a_scope_the_words_go_onward_as_ever(a_world: Make, scope: Any) -> None:
    world = a_world("write?", "print", "send")
    approve(world, world.halted(), "Mind the tides", **scope)
    assert "Mind the tides" in told(world)["print"]
    assert "Mind the tides" in told(world)["send"]


def test_a_name_that_no_later_task_has_is_refused_with_those_that_there_are(a_world: Make) -> None:
    world = a_world("research", "write?", "print", "send")
    execution_id = world.halted()

    for unknown in ("research", "nobody"):
        with pytest.raises(Invalid) as refused:
            approve(world, execution_id, "x", feedback_scope=["print", unknown])
        assert refused.value.details == {"feedback_scope": "one or more of: write, print, send"}
        assert refused.value.message == (
            f"'feedback_scope' names {unknown!r}; the tasks that may still read the words are: "
            "write, print, send."
        )
    with pytest.raises(Invalid, match="names 'research', 'nobody'; the tasks"):
        approve(world, execution_id, "x", feedback_scope=["research", "nobody"])

    assert world.snapshot(execution_id).reviews[0].is_open


@pytest.mark.parametrize("scope", ["later", [], [3], {"tasks": ["print"]}, True])
def test_what_is_no_scope_is_refused(a_world: Make, scope: Any) -> None:
    world = a_world("write?", "print")
    with pytest.raises(Invalid) as refused:
        approve(world, world.halted(), "x", feedback_scope=scope)
    assert any(field.startswith("feedback_scope") for field in refused.value.details)


def test_a_rework_may_name_the_tasks_that_run_again(a_world: Make) -> None:
    world = a_world("research", "outline", "write?", "print")
    execution_id = world.halted()
    again = {"rework_from": "research", "feedback_scope": ["write"]}

    reject(world, execution_id, "Newer figures", **again)

    assert "Newer figures" in told(world)["research"]
    assert "Newer figures" not in told(world)["outline"]
    assert "Newer figures" in told(world)["write"]


def test_a_name_that_no_task_of_a_rework_has_is_refused_with_those_that_run_again(
    a_world: Make,
) -> None:
    world = a_world("research", "outline", "write?", "print")
    execution_id = world.halted()
    with pytest.raises(Invalid) as refused:
        reject(world, execution_id, "x", rework_from="outline", feedback_scope=["research"])
    assert refused.value.details == {"feedback_scope": "one or more of: outline, write, print"}
    with pytest.raises(Invalid) as refused:
        reject(world, execution_id, "x", rework_from="nobody", feedback_scope=["print"])
    assert list(refused.value.details) == ["rework_from"]
    with pytest.raises(Invalid, match="names 'outline'"):
        reject(world, execution_id, "x", feedback_scope=["outline"])

    reject(world, execution_id, "Newer", rework_from="research", feedback_scope=["outline"])
    assert "Newer" in told(world)["outline"]
    assert "Newer" not in told(world)["write"]


def test_the_timeline_says_the_scope(a_world: Make) -> None:
    world = a_world("write?", "print")
    execution_id = world.halted()
    reject(world, execution_id, "a", feedback_scope="retry")
    reject(world, execution_id, "b", feedback_scope=["print"])
    reject(world, execution_id, "c", feedback_scope="onward")

    _, entries = timeline(world.ports, execution_id)
    said = [each.details for each in entries if each.event == "review.answer"]
    assert [each.get("feedback_scope") for each in said] == ["retry", ["print"], None]


def test_where_several_decide_the_words_go_onward(a_world: Make) -> None:
    world = a_world("write?", "print", review_policy=policy(ANN, BEN, decisions=2))
    execution_id = world.halted()
    with pytest.raises(Invalid) as refused:
        approve(world, execution_id, "x", reviewer=ANN, feedback_scope="retry")
    assert refused.value.message == (
        "Several people decide here, and their words reach the tasks together: leave "
        "'feedback_scope' out."
    )
    assert refused.value.details == {"feedback_scope": "several people decide"}
    (pending,) = world.snapshot(execution_id).pending
    assert reach_of(world.ports, pending.review) is None
    approve(world, execution_id, "x", reviewer=ANN, feedback_scope="onward")


def test_whoever_decides_alone_by_a_policy_chooses_who_reads_the_words(a_world: Make) -> None:
    world = a_world("write?", "print", review_policy=policy(ANN))
    execution_id = world.halted()
    (pending,) = world.snapshot(execution_id).pending
    found = reach_of(world.ports, pending.review)
    assert found is not None
    assert found.names == ("write", "print")
    approve(world, execution_id, "x", reviewer=ANN, feedback_scope="retry")
    assert "x" not in told(world)["print"]


def test_a_question_of_another_kind_has_no_scope(a_flow: Make) -> None:
    world = a_flow("letter")
    execution_id = world.halted()
    with pytest.raises(Invalid) as refused:
        world.say(execution_id, "write", outcome="send", feedback_scope="retry")
    assert refused.value.message == (
        "'feedback_scope' goes with a review that judges a task's output. Here the words go to "
        "the code that asked, which does with them what it does."
    )
    assert refused.value.details == {"feedback_scope": "not in a review of this kind"}
    (pending,) = world.snapshot(execution_id).pending
    assert reach_of(world.ports, pending.review) is None
    world.say(execution_id, "write", outcome="send", feedback_scope="onward")


@pytest.fixture
def hearing(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[TaskCall]]:
    """A flow whose steps keep what they are told, by their names."""
    heard: dict[str, list[TaskCall]] = {"write": [], "print": [], "send": []}

    def listening(name: str) -> Callable[[TaskCall], str]:
        def work(call: TaskCall) -> str:
            heard[name].append(call)
            return name

        return work

    made = FunctionFlow(
        [
            step(listening("write"), name="write", judge=True),
            step(listening("print"), name="print", after="write"),
            step(listening("send"), name="send", after="print"),
        ]
    )
    monkeypatch.setattr(user_flows, "hearing", made, raising=False)
    return heard


def test_steps_of_a_flow_of_functions_read_what_is_for_them(
    a_flow: Make, hearing: dict[str, list[TaskCall]]
) -> None:
    world = a_flow("hearing")
    execution_id = world.halted()
    reject(world, execution_id, "once", feedback_scope="retry")
    reject(world, execution_id, "for the post", feedback_scope=["send"])
    approve(world, execution_id, "for all")

    written = [call.feedback for call in hearing["write"]]
    assert written == [(), ("once",), ("for the post",)]
    assert hearing["print"][0].feedback == ("for all",)
    assert hearing["send"][0].feedback == ("for the post", "for all")
    assert "once" not in hearing["write"][2].context
    assert "for the post" not in hearing["print"][0].context


def test_a_step_of_a_flow_of_functions_is_told_words_once_and_what_they_are_about(
    a_flow: Make, hearing: dict[str, list[TaskCall]]
) -> None:
    world = a_flow("hearing")
    execution_id = world.halted()
    reject(world, execution_id, "Shorter")
    approve(world, execution_id, "Mind the tides")

    assert [hearing["write"][1].context, hearing["print"][0].context] == [
        (
            "Your previous answer (round 1):\nwrite\n\n"
            "Human feedback on it (changes requested):\nShorter\n\n"
            "Answer again, and take this feedback into account."
        ),
        (
            "write\n\n"
            "Human feedback on the task 'write' (round 1, changes requested):\nShorter\n\n"
            "Human feedback on the task 'write' (round 2, approved):\nMind the tides"
        ),
    ]


def test_a_flow_of_functions_names_its_steps(
    a_flow: Make, hearing: dict[str, list[TaskCall]]
) -> None:
    world = a_flow("hearing")
    assert hearing
    with pytest.raises(Invalid) as refused:
        approve(world, world.halted(), "x", feedback_scope=["nobody"])
    assert refused.value.details == {"feedback_scope": "one or more of: write, print, send"}


def test_the_reach_is_told_before_it_is_chosen(a_world: Make) -> None:
    world = a_world("research", "write?", "print", "send")
    execution_id = world.halted()
    (pending,) = world.snapshot(execution_id).pending

    found = reach_of(world.ports, pending.review)

    assert found is not None
    assert (found.name, found.others) == ("write", ("print", "send"))
    approve(world, execution_id)
    closed = world.snapshot(execution_id).reviews[0]
    assert reach_of(world.ports, closed) is None


def test_the_reach_is_told_to_nobody_where_what_it_follows_from_cannot_be_read(
    a_world: Make,
) -> None:
    world = a_world("write?", "print")
    execution_id = world.halted()
    (pending,) = world.snapshot(execution_id).pending
    for poison in (update(plans).values(body=type_coerce("{]", Text)), *_without_plan()):
        with world.ports.store._writer.begin() as connection:
            connection.execute(poison)
        world.ports.store.forget()
        assert reach_of(world.ports, pending.review) is None
    assert reach_of(world.ports, replace(pending.review, execution_id="unknown")) is None


def _without_plan() -> tuple[Any, ...]:
    return update(manifests).values(plan_digest=None), delete(plans)


def test_of_a_crew_within_a_flow_only_its_code_knows_who_reads_later(a_flow: Make) -> None:
    world = a_flow("judged")

    def run(_deployment: Any, _work: Work, context: Any) -> Halted:
        context.ask(judge("write#1/edit", "edit"), Output("an edited one"))
        return Halted({})

    world.runner.run = run
    execution_id = world.halted()
    (pending,) = world.snapshot(execution_id).pending
    found = reach_of(world.ports, pending.review)
    assert found is not None
    assert found.others is None
    with pytest.raises(Invalid) as refused:
        world.say(execution_id, "edit", is_approve=True, feedback_scope=["print"])
    assert refused.value.message == (
        "Which tasks follow is known to the flow's own code alone: send 'feedback_scope' "
        '"retry" or "onward".'
    )
    assert refused.value.details == {"feedback_scope": "retry or onward"}


def test_the_growth_that_is_told_is_what_the_contexts_grow_by(a_world: Make) -> None:
    world = a_world("write?", "print")
    execution_id = world.halted()
    plan = world.runner.the_plan
    said = Answered(
        "write", "", "Shorter", False, name="write", output=Output("write, round 1"), scope=None
    )
    forecast = {each.name: each for each in reach(plan, (), "write").readers(said, retried=True)}

    reject(world, execution_id, "Shorter")
    separator = len("\n\n----------\n\n")
    assert forecast["write"].characters == len(told(world)["write"]) + separator
    approve(world, execution_id)
    assert forecast["print"].characters == len(told(world)["print"]) + separator
    assert forecast["print"].tokens == -(-forecast["print"].characters // 4)

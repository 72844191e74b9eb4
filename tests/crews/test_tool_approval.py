"""Real crews and flows whose tools a person has to approve: how often they really run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from gone import Gone

from orchestrator.adapters.deployment_file import RunnerKind
from orchestrator.domain.calls import ToolRules
from orchestrator.domain.task_run import TaskRunState

pytestmark = [
    pytest.mark.crewai,
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
    pytest.mark.filterwarnings("ignore"),
]

ADA = {"who": "Ada"}
APPROVAL = {"tools": ToolRules(approval=("pay*",))}
FLOW = {"kind": RunnerKind.FLOW, **APPROVAL}
YES, NO = {"is_approve": True}, {"is_approve": False, "human_feedback": "did not: too dear"}
Deployed = Callable[..., Any]


@pytest.fixture
def errands(deployed: object) -> Iterator[Any]:
    """The module of the crews, with nothing noted."""
    del deployed
    module = import_module("projects.errands")
    module.forget()
    yield module
    module.forget()


def asked(world: Any, execution_id: str) -> list[Any]:
    """The open approvals, by what they are about."""
    pending = world.snapshot(execution_id).pending
    return sorted(
        (each for each in pending if each.review.kind == "approval"),
        key=lambda each: each.output.raw,
    )


def say(world: Any, execution_id: str, **body: Any) -> None:
    """Answer the first of them, and have the worker go on."""
    world.say(execution_id, asked(world, execution_id)[0].review.id, **body)
    world.work()


@pytest.mark.parametrize(
    ("body", "paid", "told"),
    [
        (YES, ["errand 3"], "did pay errand 3"),
        ({"edited_output": '{"what": "less"}'}, ["less"], "did pay less"),
        (NO, [], "did not: too dear"),
    ],
)
def test_a_crews_tool_runs_as_a_person_said(
    deployed: Deployed, errands: Any, body: Any, paid: list[str], told: str
) -> None:
    world = deployed("errands:make", **APPROVAL)
    execution_id = world.halted(inputs=ADA)
    assert (errands.PAID, errands.MADE.count("model")) == ([], 3)
    (pending,) = asked(world, execution_id)
    assert pending.output.raw == '{"what":"errand 3"}'
    (run,) = world.snapshot(execution_id).runs
    assert (run.state, run.attempts) == (TaskRunState.UNDER_REVIEW, 0)
    say(world, execution_id, **body)
    assert (errands.PAID, errands.MADE.count("model")) == (paid, 10)
    assert told in errands.TOLD[3]
    seen = world.snapshot(execution_id)
    assert (seen.result.raw, seen.usage["total_tokens"]) == ("all 9 done", 150)


def test_the_same_call_later_is_asked_about_again(deployed: Deployed, errands: Any) -> None:
    world = deployed("errands:twice", **APPROVAL)
    execution_id = world.halted(inputs=ADA)
    say(world, execution_id, **YES)
    assert errands.PAID == ["the rent"]
    say(world, execution_id, **YES)
    assert errands.PAID == ["the rent"] * 2
    assert world.result(execution_id).raw == "all 3 done"


@pytest.mark.parametrize("first", [YES, NO])
def test_two_calls_in_one_answer_are_two_questions(
    deployed: Deployed, errands: Any, first: Any
) -> None:
    world = deployed("errands:together", **APPROVAL)
    execution_id = world.halted(inputs=ADA)
    texts = [each.output.raw for each in asked(world, execution_id)]
    assert texts == ['{"what":"errand 1"}', '{"what":"errand 2"}']
    assert errands.MADE == ["model", "look errand 0"]
    say(world, execution_id, **first)
    assert ["errand 1"] * (first is YES) == errands.PAID
    assert [each.output.raw for each in asked(world, execution_id)] == texts[1:]
    say(world, execution_id, edited_output='{"what": "less"}')
    assert ["errand 1"] * (first is YES) + ["less"] == errands.PAID
    assert errands.MADE.count("look errand 0") == 1
    assert errands.MADE.count("model") == 2
    assert world.result(execution_id).raw == "all 3 done"


@pytest.mark.parametrize("changed", ["", "!"])
def test_a_tool_that_a_model_calls_by_itself_waits_too(
    deployed: Deployed, errands: Any, changed: str
) -> None:
    world = deployed("errands:by_the_model", **APPROVAL)
    execution_id = world.halted(inputs=ADA)
    assert errands.MADE == ["model"]
    crew = world.runner._crews._built.of(world.ports.deployments.get("crew"))
    crew.tasks[0].description += changed
    say(world, execution_id, **YES)
    if changed:  # another question led to the call: what was approved was not this one
        assert errands.PAID == []
        say(world, execution_id, **YES)
    assert errands.PAID == ["errand 1"]
    assert world.result(execution_id).raw == "did pay errand 1"
    crew.tasks[0].description = "Do all errands for {who}."


def test_a_changed_conversation_asks_anew(deployed: Deployed, errands: Any) -> None:
    world = deployed("errands:make", **APPROVAL)
    execution_id = world.halted(inputs=ADA)
    first = asked(world, execution_id)[0].review.id
    crew = world.runner._crews._built.of(world.ports.deployments.get("crew"))
    crew.tasks[0].description += "!"
    say(world, execution_id, **YES)
    assert errands.PAID == []
    entries = world.ports.store.read(lambda tx: tx.timeline.of(execution_id))
    (void,) = (entry.details for entry in entries if entry.event == "approval.void")
    assert void["note"].endswith("something else was asked: the prompt differs")
    assert asked(world, execution_id)[0].review.id != first
    say(world, execution_id, **YES)
    assert errands.PAID == ["errand 3"]
    crew.tasks[0].description = "Do all errands for {who}."


def test_an_approved_call_whose_worker_is_gone_is_never_made_again_unasked(
    deployed: Deployed, errands: Any
) -> None:
    world = deployed("errands:make", **APPROVAL)
    execution_id = world.halted(inputs=ADA)
    world.say(execution_id, asked(world, execution_id)[0].review.id, **YES)
    gone = Gone(world, errands, 1)  # in the middle of paying
    world.work()
    (pending,) = world.snapshot(execution_id).pending
    assert pending.review.kind == "effect"
    world.say(execution_id, pending.review.id, outcome="done", human_feedback="did pay, no. 7")
    world.work()
    assert (errands.PAID, errands.MADE.count("model")) == ([], 10)
    gone.goes_on()
    assert errands.PAID == ["errand 3"]


class Closed:
    """The journal of a run that has ended."""

    is_open = False

    def guards(self, tool: str) -> bool:
        return tool == "pay"


def test_a_thread_that_a_run_left_behind_pays_nothing(deployed: Deployed, errands: Any) -> None:
    deployed("errands:make")
    calls = import_module("orchestrator.adapters.runners.crewai.calls")
    with calls.journalled(Closed(), lambda: "errands", lambda work: work()):
        assert errands.look.run(what="it") == "did look it"
        with pytest.raises(calls.Paused):
            errands.pay.run(what="it")
    assert errands.PAID == []


def test_a_tool_may_have_arguments_of_any_name(deployed: Deployed, errands: Any) -> None:
    deployed("errands:make")
    calls = import_module("orchestrator.adapters.runners.crewai.calls")
    with calls.journalled(Closed(), lambda: "errands", lambda work: work()):
        fetched = errands.fetch.run(tool="a hammer", callee="Ada")
        brought = asyncio.run(errands.bring.arun(tool="a saw", callee="Ada"))
    assert (fetched, brought) == ("Ada did fetch a hammer", "Ada did bring a saw")


@pytest.mark.parametrize(
    ("target", "settings"),
    [("led", APPROVAL), ("LedFlow", FLOW), ("AsyncLedFlow", FLOW)],
)
def test_a_tool_of_whom_a_manager_delegates_to_waits(
    deployed: Deployed, errands: Any, target: str, settings: Any
) -> None:
    world = deployed(f"errands:{target}", **settings)
    execution_id = world.halted(inputs=ADA)
    assert [each.output.raw for each in asked(world, execution_id)] == ['{"what":"errand 2"}']
    assert errands.PAID == []
    say(world, execution_id, **YES)
    assert (errands.PAID, world.result(execution_id).raw) == (["errand 2"], "the clerk is done")
    assert [errands.MADE.count(each) for each in ("lead", "model", "look errand 1")] == [2, 3, 1]


@pytest.mark.parametrize(("target", "settings"), [("carefully", APPROVAL), ("CarefulFlow", FLOW)])
def test_a_tool_that_catches_everything_waits_as_well(
    deployed: Deployed, errands: Any, target: str, settings: Any
) -> None:
    world = deployed(f"errands:{target}", **settings)
    execution_id = world.halted(inputs=ADA)
    assert [each.output.raw for each in asked(world, execution_id)] == ['{"what":"errand 1"}']
    say(world, execution_id, **YES)
    assert errands.PAID == ["errand 1"]
    assert world.result(execution_id).raw == "all 2 done"


# Flows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flow", "body", "paid"),
    [
        ("ErrandsFlow", YES, ["errand 2"]),
        ("ErrandsFlow", NO, []),
        ("AsyncErrandsFlow", YES, ["wired errand 2"]),
    ],
)
def test_a_crews_tool_inside_a_method_waits(
    deployed: Deployed, errands: Any, flow: str, body: Any, paid: list[str]
) -> None:
    world = deployed(f"errands:{flow}", **FLOW)
    execution_id = world.halted(inputs={})
    (pending,) = asked(world, execution_id)
    assert pending.review.path == "errands#1/task:errands~1"
    say(world, execution_id, **body)
    assert (errands.PAID, errands.MADE.count("model")) == (paid, 7 if flow == "ErrandsFlow" else 4)
    seen = world.snapshot(execution_id)
    assert (seen.result.raw, seen.usage["total_tokens"]) == ("all 3 done", 4 * 15)  # of crews


@pytest.mark.parametrize("words_first", [True, False])
def test_an_agents_tool_waits_and_other_branches_go_on(
    deployed: Deployed, errands: Any, *, words_first: bool
) -> None:
    world = deployed("errands:AgentFlow", **FLOW)
    execution_id = world.halted(inputs={})
    assert (errands.PAID, errands.MADE.count("report")) == ([], 1)
    (pending,) = asked(world, execution_id)
    if words_first:
        world.say(execution_id, "report", human_feedback="good")
        world.work()
        assert errands.MADE.count("note") == 1
        assert [each.review for each in asked(world, execution_id)] == [pending.review]
    say(world, execution_id, edited_output='{"what": "less"}')
    assert errands.PAID == ["wired less"]
    if not words_first:
        world.say(execution_id, "report", human_feedback="good")
        world.work()
    assert world.result(execution_id).raw == "both"
    counts = [errands.MADE.count(name) for name in ("model", "pay", "report", "note")]
    assert counts == [3, 1, 1, 1]


def test_a_flow_that_could_not_go_on_asks_nobody(deployed: Deployed, errands: Any) -> None:
    world = deployed("errands:LockedFlow", **FLOW)
    execution_id = world.halted(inputs={})
    seen = world.snapshot(execution_id)
    assert (seen.pending, errands.PAID) == ((), [])
    assert "state.lock is a lock" in str(seen.execution.error)


def test_an_answer_to_another_branch_asks_nobody_twice_about_a_call(
    deployed: Deployed, errands: Any
) -> None:
    world = deployed("errands:AgentFlow", **FLOW)
    execution_id = world.halted(inputs={})
    world.say(execution_id, asked(world, execution_id)[0].review.id, **YES)
    gone = Gone(world, errands, 1)  # in the middle of paying
    world.work()
    world.say(execution_id, "report", human_feedback="good")
    world.work()
    (pending,) = world.snapshot(execution_id).pending
    assert pending.review.kind == "effect"
    world.say(execution_id, pending.review.id, outcome="done", human_feedback="did wire it")
    world.work()
    assert (world.result(execution_id).raw, errands.PAID) == ("both", [])
    gone.goes_on()

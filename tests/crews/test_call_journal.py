"""Real crews and flows whose worker is gone in the middle of a task, and what is asked again.

A worker that is gone is one that hangs in a call while its claim is ended, as a lapsed lease or its
parent ends it: the database sees the same, and what it does later is a zombie's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from gone import Gone

from orchestrator.adapters.deployment_file import RunnerKind
from orchestrator.domain.calls import ToolRules

pytestmark = [
    pytest.mark.crewai,
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
    pytest.mark.filterwarnings("ignore"),
]

ADA = {"who": "Ada"}
ONCE = {"tools": ToolRules(once=("pay*",))}
MODELS, LOOKS = ["model"] * 10, [f"look errand {n}" for n in (1, 2, 4, 5, 6, 7, 8, 9)]


@pytest.fixture
def errands(deployed: object) -> Iterator[Any]:
    """The module of the crews, with nothing noted."""
    del deployed
    module = import_module("projects.errands")
    module.forget()
    yield module
    module.forget()


Deployed = Callable[..., Any]


def notes(world: Any, execution_id: str) -> list[str]:
    entries = world.ports.store.read(lambda tx: tx.timeline.of(execution_id))
    return [entry.details["note"] for entry in entries if entry.event.startswith("journal.")]


def journal_of(world: Any, execution_id: str) -> Any:
    run = world.snapshot(execution_id).runs[-1]
    return world.ports.store.read(lambda tx: tx.calls.of(run))


@pytest.mark.parametrize("at", [1, 7, 12, 19])
def test_a_worker_that_is_gone_costs_no_call_of_a_model(
    deployed: Deployed, errands: Any, at: int
) -> None:
    world = deployed("errands:make")
    execution_id = world.kickoff(inputs=ADA)
    gone = Gone(world, errands, at)
    world.work()
    assert sorted(errands.MADE) == sorted([*MODELS, *LOOKS, "pay"])
    seen = world.snapshot(execution_id)
    assert (seen.result.raw, seen.usage["total_tokens"]) == ("all 9 done", 150)
    models = at // 2
    assert int(str(seen.saved.get("total_tokens", 0))) == models * 15
    assert journal_of(world, execution_id) == ()
    gone.goes_on()


def test_without_a_journal_all_is_asked_again(deployed: Deployed, errands: Any) -> None:
    world = deployed("errands:make", journal=False)
    world.kickoff(inputs=ADA)
    gone = Gone(world, errands, 19)
    world.work()
    assert errands.MADE.count("model") == 9 + 10
    gone.goes_on()


def test_another_prompt_goes_live(deployed: Deployed, errands: Any) -> None:
    world = deployed("errands:make")
    execution_id = world.kickoff(inputs=ADA)
    gone = Gone(world, errands, 7)
    world.runner._crews._built.of(world.ports.deployments.get("crew")).tasks[0].description += "!"
    errands.MADE.clear()
    world.work()
    assert errands.MADE.count("model") == 10
    assert notes(world, execution_id)[0].endswith("live from call 1: the prompt differs")
    gone.goes_on()
    world.runner._crews._built.of(world.ports.deployments.get("crew")).tasks[
        0
    ].description = "Do all errands for {who}."


def test_a_zombie_writes_nothing_into_the_journal(deployed: Deployed, errands: Any) -> None:
    world = deployed("errands:make")
    execution_id = world.kickoff(inputs=ADA)
    gone = Gone(world, errands, 7)
    second = Gone(world, errands, 4)  # the fourth that it really makes: the tenth in all
    before = journal_of(world, execution_id)
    gone.goes_on()
    assert len(before) == 9
    assert journal_of(world, execution_id) == before
    world.work()
    assert errands.MADE.count("model") == 11  # the zombie's own one, and the ten
    second.goes_on()


@pytest.mark.parametrize(
    ("said", "paid"),
    [({"outcome": "done", "human_feedback": "did pay, no. 7"}, 0), ({"outcome": "run-again"}, 1)],
)
def test_a_tool_that_runs_once_waits_for_a_person(
    deployed: Deployed, errands: Any, said: dict[str, str], paid: int
) -> None:
    world = deployed("errands:make", **ONCE)
    execution_id = world.kickoff(inputs=ADA)
    gone = Gone(world, errands, 6)  # in the middle of paying
    world.work()
    assert errands.MADE.count("model") == 3
    (pending,) = world.snapshot(execution_id).pending
    world.say(execution_id, pending.review.id, **said)
    world.work()
    assert (errands.MADE.count("pay"), errands.MADE.count("model")) == (paid, 10)
    assert world.result(execution_id).raw == "all 9 done"
    gone.goes_on()


def test_a_new_round_asks_anew(deployed: Deployed, errands: Any) -> None:
    world = deployed("errands:reviewed")
    execution_id = world.halted(inputs=ADA)
    assert journal_of(world, execution_id) == ()
    errands.MADE.clear()
    world.answer(execution_id, "errands", approve=False, words="faster")
    gone = Gone(world, errands, 4)
    world.work()
    assert errands.MADE.count("model") == 3
    gone.goes_on()


def test_what_cannot_be_stored_ends_the_journal(deployed: Deployed, errands: Any) -> None:
    world = deployed("errands:strange")
    execution_id = world.kickoff(inputs=ADA)
    gone = Gone(world, errands, 7)
    errands.MADE.clear()
    world.work()
    assert errands.MADE == ["odd errand 2", "model", "look errand 3", "model"]
    first, served, _ = notes(world, execution_id)
    assert first.startswith("call 4 (odd) is not journalled, nor is what follows: its answer is")
    assert served.startswith(
        "served 2 model calls and 1 tool call from the journal; live from call 4"
    )
    gone.goes_on()


@pytest.mark.parametrize(("at", "recorded"), [(4, 3), (5, 4), (7, 6)])
def test_tools_side_by_side_and_answers_in_a_form_are_served(
    deployed: Deployed, errands: Any, at: int, recorded: int
) -> None:
    world = deployed("errands:parallel")
    execution_id = world.kickoff(inputs=ADA)
    # Among the tools, after them, and after the answer in a form.
    gone = Gone(world, errands, at, lambda: len(journal_of(world, execution_id)) == recorded)
    world.work()
    looks = [f"look errand {n}" for n in range(3)]
    assert sorted(errands.MADE) == sorted(["callback", *looks, *["model"] * 3])
    assert world.result(execution_id).json == {"done": 7}
    gone.goes_on()


FLOW = {"kind": RunnerKind.FLOW}


@pytest.mark.parametrize(("at", "step"), [(3, "greet#1"), (8, "errands#1/task:errands~1")])
def test_calls_inside_a_flows_methods_are_served(
    deployed: Deployed, errands: Any, at: int, step: str
) -> None:
    world = deployed("errands:ErrandsFlow", **FLOW)
    execution_id = world.kickoff(inputs={})
    gone = Gone(world, errands, at)
    assert {call.step for call in journal_of(world, execution_id)} == {step}
    world.work()
    assert errands.MADE.count("model") == 3 + 4
    assert errands.MADE.count("pay") == 1
    assert world.result(execution_id).raw == "all 3 done"
    assert journal_of(world, execution_id) == ()
    gone.goes_on()


def test_a_tool_that_runs_once_inside_a_flow_waits_for_a_person(
    deployed: Deployed, errands: Any
) -> None:
    world = deployed("errands:ErrandsFlow", **FLOW, **ONCE)
    execution_id = world.kickoff(inputs={})
    gone = Gone(world, errands, 7)
    world.work()
    (pending,) = world.snapshot(execution_id).pending
    world.say(execution_id, pending.review.id, outcome="done", human_feedback="did pay, no. 7")
    world.work()
    assert (errands.MADE.count("pay"), errands.MADE.count("model")) == (0, 7)
    assert world.result(execution_id).raw == "all 3 done"
    gone.goes_on()


def test_a_model_that_is_asked_asynchronously_is_served(deployed: Deployed, errands: Any) -> None:
    world = deployed("errands:AsyncFlow", **FLOW)
    world.kickoff(inputs={})
    gone = Gone(world, errands, 3)
    world.work()
    assert errands.MADE.count("model") == 4
    gone.goes_on()


def test_a_tool_that_runs_once_is_not_called_again_after_a_halt(
    deployed: Deployed, errands: Any
) -> None:
    world = deployed("errands:AskingFlow", **FLOW, **ONCE)
    execution_id = world.halted(inputs={})
    (pending,) = world.snapshot(execution_id).pending
    world.say(execution_id, pending.review.id, human_feedback="no")
    world.work()
    assert (errands.MADE.count("pay"), errands.MADE.count("model")) == (1, 4)
    assert world.result(execution_id).raw == "all 1 done, no"
    assert notes(world, execution_id) == [
        (
            "served 0 model calls and 1 tool call from the journal; live from call 1: "
            "only tools that run once are served"
        )
    ]
    assert journal_of(world, execution_id) == ()

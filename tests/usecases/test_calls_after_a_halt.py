"""What a flow's next round has of the calls before its halt: those of tools that run once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from calling import LOOK, MODEL, PAY, ask
from world import World

from orchestrator.domain.calls import AskedCall, CallKind, ToolRules
from orchestrator.domain.canonical import digest
from orchestrator.domain.output import Output
from orchestrator.domain.question import Question, QuestionKind
from orchestrator.domain.task_run import TaskRunState
from orchestrator.ports import Ended, Halted, HeldCall, LiveCall, Result, RunContext
from orchestrator.usecases.executions.rewind import Rewind, rewind

Make = Callable[..., World]
Run = Callable[[RunContext], Result]

STEP, BESIDE = "draft#1", "check#1"
ONCE = ToolRules(once=("pay*",))
ENDS = Ended(Output("done"), {})


@pytest.fixture
def doing(a_flow_of_each: Make) -> Make:
    """Makes a world in which the runs of a flow do what is given, one after another."""

    def make(*runs: Run, tools: ToolRules = ONCE) -> World:
        world = a_flow_of_each("loop", tools=tools)
        left = list(runs)
        world.runner.run = lambda _deployment, _work, context: left.pop(0)(context)
        return world

    return make


def call(context: RunContext, name: str, step: str = STEP, *, ends: bool = True) -> Any:
    """A call inside a step; returns the answer that was served, None where it was made."""
    kind = CallKind.MODEL if name == MODEL else CallKind.TOOL
    live = ask(context, AskedCall(step, kind, name, digest([step, name]), {"what": "rent"}))
    if isinstance(live, HeldCall) and context.journal:
        context.journal.hold(live, None)
        return live
    if not isinstance(live, LiveCall):
        return live.value
    if ends and context.journal:
        context.journal.answered(live, f"{name} of {step}", {})
    return None


def asks(context: RunContext, step: str = STEP, number: int = 1) -> Halted:
    """The body of a step asks a person, and waits."""
    path = f"{step}/ask:{number}"
    context.ask(Question(QuestionKind.INPUT, path, path), Output("Anything else?"))
    return Halted({})


def pays(context: RunContext) -> Halted:
    """A step thinks, looks, pays and asks."""
    for name in (MODEL, LOOK, PAY):
        call(context, name)
    return asks(context)


class Again:
    """A later run of it, which halts: what it was served."""

    def __init__(self, number: int = 2, *steps: str) -> None:
        self.number = number
        self.steps = steps or (STEP,)
        self.served: list[Any] = []

    def __call__(self, context: RunContext) -> Halted:
        for step in self.steps:
            self.served += [call(context, name, step) for name in (MODEL, LOOK, PAY)]
        return asks(context, number=self.number)


def answered(world: World, execution_id: str) -> None:
    """A person answers what is asked, and the flow goes on."""
    (pending,) = world.snapshot(execution_id).pending
    world.say(execution_id, pending.review.id, human_feedback="no")
    world.work()


def test_what_ran_once_is_served_after_every_halt(doing: Make) -> None:
    second, third = Again(2), Again(3)
    world = doing(pays, second, third)
    execution_id = world.halted()
    for _ in range(2):
        answered(world, execution_id)
    assert second.served == third.served == [None, None, "pay of draft#1"]


def test_a_halt_forgets_all_other_calls(doing: Make) -> None:
    world = doing(pays)
    (run,) = world.snapshot(world.halted()).runs
    left = world.ports.store.read(lambda tx: tx.calls.of(run))
    assert [each.name for each in left] == [PAY]


def test_what_was_begun_before_a_halt_and_has_no_end_is_asked_about(doing: Make) -> None:
    def run(context: RunContext) -> Result:
        call(context, PAY, ends=False)
        return asks(context)

    world = doing(run)
    execution_id = world.halted()
    answered(world, execution_id)
    (pending,) = world.snapshot(execution_id).pending
    assert pending.review.kind is QuestionKind.EFFECT
    assert world.snapshot(execution_id).runs[-1].state is TaskRunState.UNDER_REVIEW


def test_what_a_committed_step_called_goes_with_it(doing: Make) -> None:
    def commits(context: RunContext) -> Result:
        context.commit(STEP, Output("a draft"))
        return asks(context, BESIDE)

    last = Again()
    world = doing(pays, commits, last)
    execution_id = world.halted()
    for _ in range(2):
        answered(world, execution_id)
    assert last.served == [None, None, None]


def test_what_a_step_called_that_waits_for_nobody_goes_with_the_halt(doing: Make) -> None:
    def run(context: RunContext) -> Result:
        call(context, PAY, BESIDE)  # it lost a race
        return pays(context)

    again = Again(2, STEP, BESIDE)
    world = doing(run, again)
    answered(world, world.halted())
    assert again.served == [None, None, "pay of draft#1", None, None, None]


def test_a_rewind_to_before_the_step_has_all_called_again(doing: Make) -> None:
    again = Again(1)
    world = doing(pays, again)
    execution_id = world.halted()
    rewind(world.ports, Rewind(execution_id, 0, "tests"))
    world.work()
    assert again.served == [None, None, None]


def test_a_rewind_to_within_the_step_does_not(doing: Make) -> None:
    second, again = Again(2), Again(2)
    world = doing(pays, second, again)
    execution_id = world.halted()
    answered(world, execution_id)
    rewind(world.ports, Rewind(execution_id, 2, "tests"))  # just after the first answer
    world.work()
    assert again.served == [None, None, "pay of draft#1"]


def test_the_end_leaves_no_calls(doing: Make) -> None:
    world = doing(pays, lambda _: ENDS)
    execution_id = world.halted()
    answered(world, execution_id)
    for run in world.snapshot(execution_id).runs:
        assert world.ports.store.read(lambda tx, run=run: tx.calls.of(run)) == ()


def test_a_tool_that_only_needs_approval_is_asked_about_once_more(doing: Make) -> None:
    def run(context: RunContext) -> Result:
        call(context, MODEL)
        return Halted({}) if call(context, PAY) else asks(context)

    world = doing(run, run, run, tools=ToolRules(approval=("pay*",)))
    execution_id = world.halted()
    asked = []
    for said in ({"outcome": "approve"}, {"human_feedback": "no"}):
        (pending,) = world.snapshot(execution_id).pending
        asked.append(pending.review.kind)
        world.say(execution_id, pending.review.id, **said)
        world.work()
    (pending,) = world.snapshot(execution_id).pending
    assert [*asked, pending.review.kind] == [
        QuestionKind.APPROVAL,
        QuestionKind.INPUT,
        QuestionKind.APPROVAL,
    ]


def test_what_a_step_asked_is_answered_while_the_call_of_another_is_held(doing: Make) -> None:
    def run(context: RunContext) -> Result:
        asks(context)
        call(context, PAY, BESIDE)
        return Halted({})

    world = doing(run, tools=ToolRules(approval=("pay*",)))
    execution_id = world.halted()
    paused = world.snapshot(execution_id).runs[-1]
    assert paused.state is TaskRunState.UNDER_REVIEW
    told = world.say(execution_id, f"{STEP}/ask:1", human_feedback="No.")
    assert told["status"] == "resumed"
    (run_of_it,) = world.snapshot(execution_id).runs
    assert (run_of_it.id, run_of_it.state) == (paused.id, TaskRunState.DUE)

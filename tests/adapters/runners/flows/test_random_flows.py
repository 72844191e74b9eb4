"""Random flows with reviews, halted and crashed at will, against the same flow answered at once."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable
from typing import Any, TypeAlias

import flow_log
import pytest
from flow_world import Crash, FlowExecution

from orchestrator.ports import Ended, Halted

Begin: TypeAlias = Callable[..., FlowExecution]

HEAD = """
from flow_log import SUMMARIES

class AtOnce:
    def request_feedback(self, context, flow):
        return "words on " + context.method_name

class F(Flow):
    suppress_flow_events = True
"""
METHOD = """
    @{trigger}
    {review}{word}def m{n}(self):
        ran("m{n}")
        self.state["m{n}"] = "ran"
        return "m{n}"
"""
REVIEW = '@human_feedback(message="?", provider=PROVIDER)\n    '
LAST = """
    def summary(self):
        said = {h.method_name: h.feedback for h in self.human_feedback_history}
        return {"ran": sorted(self.state), "said": said, "outputs": len(self.method_outputs)}

    def _record_kickoff_output(self, output):
        SUMMARIES.append(self.summary())
"""


def code_of(seed: int, *, joins: tuple[str, ...]) -> str:
    """A flow of eight methods, each after one or two earlier ones."""
    dice = random.Random(seed)  # noqa: S311 - a test's dice
    text = HEAD
    for n in range(8):
        if n < 2:
            trigger = "start()"
        elif n > 2 and dice.random() < 0.6:
            one, other = dice.sample(range(n), 2)
            trigger = f"listen({dice.choice(joins)}(m{one}, m{other}))"
        else:
            trigger = f"listen(m{dice.randrange(n)})"
        review = REVIEW if dice.random() < 0.4 else ""
        word = "async " if dice.random() < 0.5 else ""
        text += METHOD.format(trigger=trigger, review=review, word=word, n=n)
    return text + LAST


def at_once(code: str, begin: Begin) -> object:
    """What bare CrewAI makes of it in one process, with answers that come at once."""
    begin(code.replace("PROVIDER", "AtOnce()"))
    importlib.import_module("orchestrator.adapters.runners.crewai.flows.running")
    importlib.import_module("users_flow").F().kickoff()
    return flow_log.SUMMARIES[-1]


def halted_and_crashed(code: str, begin: Begin, dice: random.Random) -> Any:
    """The same under our runs, answered in any order."""
    execution = begin(code.replace("PROVIDER", "None"))
    runs = 0
    while runs < 60:
        runs += 1
        try:
            crash_at = dice.randint(1, 4) if dice.random() < 0.3 else None
            result = execution.run(crash_at=crash_at)
        except Crash:
            continue
        if isinstance(result, Ended):
            assert len(set(execution.committed)) == len(execution.committed)
            return flow_log.SUMMARIES[-1]
        assert isinstance(result, Halted)
        waiting = list(execution.open)
        for path in dice.sample(waiting, dice.randint(1, len(waiting))):
            execution.answer(path, "words on " + execution.open[path].question.name)
    raise AssertionError("it does not end")


@pytest.mark.parametrize("seed", range(12))
def test_a_flow_of_joins_ends_as_if_it_were_answered_at_once(flow: Begin, seed: int) -> None:
    code = code_of(seed, joins=("and_",))
    expected = at_once(code, flow)
    assert halted_and_crashed(code, flow, random.Random(seed)) == expected  # noqa: S311


@pytest.mark.parametrize("seed", range(100, 108))
def test_a_flow_with_races_comes_to_an_end_in_any_order(flow: Begin, seed: int) -> None:
    code = code_of(seed, joins=("and_", "or_"))
    found = halted_and_crashed(code, flow, random.Random(seed))  # noqa: S311 - a test's dice
    assert {"m0", "m1"} <= set(found["ran"])

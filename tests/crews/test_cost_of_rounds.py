"""What the rejected rounds of real flows cost, as the figures tell it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest

from orchestrator.adapters.deployment_file import RunnerKind
from orchestrator.domain.permission import EVERYWHERE
from orchestrator.usecases.operations.sweep import sweep
from orchestrator.usecases.reviews import analytics
from orchestrator.usecases.reviews.analytics import asked, figures

pytestmark = [
    pytest.mark.crewai,
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
    pytest.mark.filterwarnings("ignore"),
]

CALL = 15
"""Tokens that each call of the scripted model costs."""

Deployed = Callable[..., Any]


def rejected(world: Any) -> list[tuple[str, int, int]]:
    """By task or method: how many rounds, and what they cost."""
    found = figures(world.ports, asked(world.ports.clock.now(), None, None, EVERYWHERE)).analytics
    return [(each.task_name, each.rounds, each.tokens) for each in found.rejected]


def choose(world: Any, execution_id: str, *outcomes: str) -> None:
    for outcome in outcomes:
        world.say(execution_id, "draft", outcome=outcome)
        world.work()


def test_a_round_that_a_person_had_revised_costs_what_its_method_did(deployed: Deployed) -> None:
    """And not what others spent in the same run."""
    world = deployed("column:ColumnFlow", kind=RunnerKind.FLOW)
    execution_id = world.halted()
    choose(world, execution_id, "revise")
    assert rejected(world) == []  # until it is known that the method came to be asked about again
    choose(world, execution_id, "accept")
    assert world.result(execution_id).usage == (1 + 2 + 3) * CALL
    assert rejected(world) == [("draft", 1, 2 * CALL)]


def test_each_round_is_counted_once(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    world = deployed("column:ColumnFlow", kind=RunnerKind.FLOW)
    choose(world, world.halted(), "revise", "revise", "accept")
    choose(world, world.halted(), "accept")
    assert rejected(world) == [("draft", 2, (2 + 3) * CALL)]
    for name in ("SETTLED", "WAITS"):
        monkeypatch.setattr(analytics, name, -analytics.SETTLED)
    assert sweep(world.ports).counted == 4
    assert rejected(world) == [("draft", 2, (2 + 3) * CALL)]


def test_without_a_journal_nobody_knows_what_a_round_cost(deployed: Deployed) -> None:
    world = deployed("column:ColumnFlow", kind=RunnerKind.FLOW, journal=False)
    choose(world, world.halted(), "revise", "accept")
    assert rejected(world) == [("draft", 1, 0)]


def test_a_rejected_task_inside_a_method_costs_what_it_did(deployed: Deployed) -> None:
    world = deployed("column:JudgedFlow", kind=RunnerKind.FLOW)
    execution_id = world.halted()
    for approve in (False, True):
        (pending,) = world.snapshot(execution_id).pending
        world.say(execution_id, pending.review.id, is_approve=approve, human_feedback="shorter")
        world.work()
    ((name, rounds, tokens),) = rejected(world)
    assert (name, rounds, tokens) == (pending.review.task_name, 1, CALL)

"""A fork of a real flow is an execution of its own."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest

from orchestrator.adapters.deployment_file import RunnerKind
from orchestrator.usecases.executions.fork import Fork, fork
from orchestrator.wire.requests import ForkBody, parse

pytestmark = [
    pytest.mark.crewai,
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.mark.parametrize("target", ["named:ModelFlow", "named:DictFlow"])
def test_the_state_of_a_fork_has_the_forks_id(deployed: Callable[..., Any], target: str) -> None:
    world = deployed(target, kind=RunnerKind.FLOW)
    first = world.halted()
    asked = Fork(first, parse(ForkBody, {"checkpoint": 1}), "tests", "api")
    fork_id = str(fork(world.ports, asked)["execution_id"])
    world.say(fork_id, "ask", human_feedback="fine")
    world.work()
    assert world.result(fork_id).json == [first, fork_id, fork_id]

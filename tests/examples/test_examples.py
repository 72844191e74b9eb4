"""The examples load, and do what their README says."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from world import World, migrated, world_of

from orchestrator.adapters.deployment_file import RunnerKind, load_deployments
from orchestrator.adapters.runners.crewai import CrewaiRunner
from orchestrator.adapters.runners.functions import FunctionsRunner
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.execution import ExecutionState
from orchestrator.ports import Runner

EXAMPLES = Path(__file__).parents[2] / "examples"
Enter = Callable[[str], Deployment]

needs_crewai = [
    pytest.mark.crewai,
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
    pytest.mark.filterwarnings("ignore"),
]
FOLDERS = [
    pytest.param("crew", marks=needs_crewai),
    pytest.param("flow", marks=needs_crewai),
    "functions",
]
STEPS = {
    "crew": ("research", "write"),
    "flow": ("research", "write", "sign", "publish"),
    "functions": ("collect", "draft", "send", "shelve"),
}


@pytest.fixture
def enter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Enter]:
    """Work in the folder of an example, and forget its modules afterwards."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def go(folder: str) -> Deployment:
        monkeypatch.chdir(EXAMPLES / folder)
        declared = load_deployments(Path("config/deployments.toml"))
        (name,) = declared.names()
        return declared.get(name)

    yield go
    for name in set(sys.modules) - before:
        if str(EXAMPLES) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A database of the test's own."""
    return migrated(tmp_path)


@pytest.fixture
def kicked_off(
    tmp_path: Path, enter: Enter, template: Path
) -> Iterator[Callable[[str], tuple[World, str]]]:
    """Kick an example off, and work until it halts."""
    made: list[World] = []

    def begin(folder: str) -> tuple[World, str]:
        deployment = enter(folder)
        runner = runner_of(deployment, tmp_path)
        made.append(world_of(f"sqlite:///{template}", runner, target=deployment.target))
        return made[0], made[0].halted(inputs={"topic": "owls"})

    yield begin
    for world in made:
        world.ports.store.dispose()


def runner_of(deployment: Deployment, storage: Path) -> Runner:
    if deployment.runner == RunnerKind.FUNCTIONS:
        return FunctionsRunner()
    return CrewaiRunner(storage, flows=deployment.runner == RunnerKind.FLOW)


def result(world: World, execution_id: str) -> str:
    found = world.snapshot(execution_id)
    assert found.execution.state is ExecutionState.SUCCEEDED, found.execution.error
    assert found.result is not None
    return found.result.raw


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_example_loads(enter: Enter, tmp_path: Path, folder: str) -> None:
    deployment = enter(folder)
    assert runner_of(deployment, tmp_path).plan(deployment).names == STEPS[folder]


@pytest.mark.parametrize("folder", [pytest.param("crew", marks=needs_crewai)])
def test_the_crew_is_approved(kicked_off: Callable[[str], tuple[World, str]], folder: str) -> None:
    world, execution_id = kicked_off(folder)
    world.answer(execution_id, "write", approve=False, words="Mention barn owls.")
    world.work()
    world.answer(execution_id, "write", approve=True)
    assert result(world, execution_id) == "A text about owls. Mention barn owls."


@pytest.mark.parametrize("folder", [pytest.param("flow", marks=needs_crewai)])
def test_the_flow_is_revised_sent_and_signed(
    kicked_off: Callable[[str], tuple[World, str]], folder: str
) -> None:
    world, execution_id = kicked_off(folder)
    world.say(execution_id, "write", human_feedback="nice, but shorter")  # the model weighs it
    world.work()
    world.say(execution_id, "write", outcome="send")
    world.work()
    world.say(execution_id, "sign", human_feedback="Ada")
    world.work()
    committed = [each.path for each in world.snapshot(execution_id).committed]
    assert committed == ["research#1", "write#1", "write#2", "sign#1", "publish#1"]
    assert result(world, execution_id) == ("(an article about owls, nice, but shorter), signed Ada")


def test_the_flow_of_functions_is_revised_and_sent(
    kicked_off: Callable[[str], tuple[World, str]],
) -> None:
    world, execution_id = kicked_off("functions")
    world.say(execution_id, "draft", outcome="revise", human_feedback="Mention barn owls.")
    world.work()
    world.say(execution_id, "draft", outcome="go")
    world.work()
    assert result(world, execution_id) == (
        "Sent: Letter 2, from three facts about owls. Heeded: Mention barn owls."
    )


def test_the_flow_in_the_document_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: Path
) -> None:
    page = (EXAMPLES.parent / "docs" / "flows.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(# letters.py\n.*?)```", page, re.DOTALL)
    (tmp_path / "letters.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    world = world_of(f"sqlite:///{template}", FunctionsRunner(), target="letters:flow")
    execution_id = world.halted(inputs={"topic": "owls"})
    world.say(execution_id, "draft", outcome="revise", human_feedback="shorter")
    world.work()
    world.say(execution_id, "draft", human_feedback="Go!")
    world.work()
    assert result(world, execution_id) == "Sent: Letter 2 about owls, heeding: shorter"
    world.ports.store.dispose()

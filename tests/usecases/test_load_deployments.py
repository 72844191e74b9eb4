"""A crew worker loads the deployments of its queues, and writes what it found for all to read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from world import World, plan_of

from orchestrator.adapters.deployment_file import DeploymentFile
from orchestrator.domain.deployment import Deployment, Manifest
from orchestrator.domain.permission import Scope
from orchestrator.domain.plan import Plan
from orchestrator.domain.review_policy import ReviewPolicy, Rule
from orchestrator.errors import DeploymentBroken, DeploymentNotReady
from orchestrator.usecases.operations.load_deployments import digests_of, load_deployments
from orchestrator.usecases.operations.manifests import described
from orchestrator.usecases.operations.manifests import plan_of as plan_in

Make = Callable[..., World]
WHILE = "deployment does not load"


@pytest.fixture
def world(a_world_of_each: Make) -> World:
    """A crew on the usual queue, and a press on another."""
    made = a_world_of_each("write")
    crew = made.ports.deployments.get("crew")
    rules = ReviewPolicy((Rule("wriet"),))
    press = replace(crew, name="press", queue="gpu", review_policy=rules)
    declared = {"crew": crew, "press": press}
    made.ports = replace(made.ports, deployments=DeploymentFile(declared))
    return made


def manifest(world: World, name: str) -> Manifest | None:
    return world.ports.store.read(lambda tx: tx.manifests.get(name))


def loads(world: World, found: Plan | BaseException) -> None:
    """What the runner says of each deployment from now on."""

    def plan(_deployment: Deployment) -> Plan:
        if isinstance(found, BaseException):
            raise found
        return found

    world.runner.plan = plan


def test_a_worker_loads_the_deployments_of_its_queues(world: World) -> None:
    before = world.ports.clock.now()
    loaded = load_deployments(world.ports, "w-9", ["gpu"])
    assert loaded == {"press": plan_of("write")}
    written = manifest(world, "press")
    assert written
    assert (written.plan, written.error, written.worker) == (plan_of("write"), None, "w-9")
    assert before <= written.written_at <= world.ports.clock.now()
    assert written.settings == world.ports.deployments.get("press").settings()
    crews = manifest(world, "crew")
    assert crews
    assert crews.worker == "w-1"


@pytest.mark.parametrize("process", [None, "w-9/1"])
def test_the_process_that_runs_them_lives_from_then_on(world: World, process: str | None) -> None:
    loaded = load_deployments(world.ports, "w-9", ["gpu"], process)
    digest = plan_of("write").digest
    assert digests_of(loaded) == {"press": digest}
    plans = world.ports.store.read(
        lambda tx: [tx.workers.plans(name, timedelta(minutes=1)) for name in ("press", "crew")]
    )
    assert plans == [frozenset({digest} if process else ()), frozenset()]


def test_what_does_not_load_is_said_and_leaves_the_others_alone(world: World) -> None:
    error = DeploymentBroken("No such crew")

    def plan(deployment: Deployment) -> Plan:
        if deployment.name == "crew":
            raise error
        return plan_of("write")

    world.runner.plan = plan
    with capture_logs() as lines:
        loaded = load_deployments(world.ports, "w-9", ["crews", "gpu"])
    assert loaded == {"crew": error, "press": plan_of("write")}
    assert digests_of(loaded).keys() == {"press"}
    written = manifest(world, "crew")
    assert written
    assert (written.plan, written.error) == (None, "No such crew")
    assert lines[0] == {
        "event": WHILE,
        "deployment": "crew",
        "reason": "No such crew",
        "log_level": "warning",
    }


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero"), SystemExit("by zero")])
def test_code_that_raises_as_it_loads_is_a_deployment_that_does_not(
    world: World, error: BaseException
) -> None:
    loads(world, error)
    with capture_logs() as lines:
        loaded = load_deployments(world.ports, "w-9", ["gpu"])
    broken = loaded["press"]
    assert isinstance(broken, DeploymentBroken)
    assert broken.message == (f"Deployment 'press' does not load: {type(error).__name__}: by zero")
    told = {"event": WHILE, "deployment": "press", "exc_info": error}
    assert lines == [{**told, "log_level": "warning"}]


def test_a_deployment_without_tasks_does_not_load(world: World) -> None:
    loads(world, Plan(()))
    broken = load_deployments(world.ports, "w-9", ["gpu"])["press"]
    assert isinstance(broken, DeploymentBroken)
    assert broken.message == "Deployment 'press' has no tasks"


def test_rules_that_do_not_fit_are_said_and_loaded_all_the_same(world: World) -> None:
    with capture_logs() as lines:
        loaded = load_deployments(world.ports, "w-9", ["gpu"])
    assert isinstance(loaded["press"], Plan)
    assert lines == [
        {
            "event": "review policy does not fit",
            "deployment": "press",
            "reason": "the rule 'wriet' matches none of the tasks: write",
            "log_level": "warning",
        }
    ]


def test_the_plan_of_a_deployment_is_that_of_its_manifest(world: World) -> None:
    assert plan_in(world.ports, "crew") == plan_of("write")
    with pytest.raises(DeploymentNotReady):
        plan_in(world.ports, "press")
    assert [(each.name, each.manifest is None) for each in described(world.ports)] == [
        ("crew", False),
        ("press", True),
    ]
    assert [each.name for each in described(world.ports, Scope.of("press"))] == ["press"]

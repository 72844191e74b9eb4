"""What a kickoff writes, and what it is refused for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from policies import ANN, BEN
from world import World, plan_of

from orchestrator.domain.deployment import Manifest
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.plan import Plan
from orchestrator.errors import (
    DeploymentBroken,
    DeploymentNotReady,
    Invalid,
    MissingInputs,
    UnknownDeployment,
)
from orchestrator.usecases.executions.kickoff import Kickoff, kickoff, loaded_plan
from orchestrator.usecases.executions.snapshot import timeline
from orchestrator.usecases.idempotency import IdempotencyKey
from orchestrator.wire.requests import KickoffBody, parse

Make = Callable[..., World]


def kicked_off(world: World, body: dict[str, Any], **asked: Any) -> Execution:
    given = Kickoff("crew", parse(KickoffBody, {"inputs": {}, **body}), "ann", "intake")
    told = kickoff(world.ports, replace(given, **asked))
    return world.snapshot(str(told["kickoff_id"])).execution


def test_the_execution_has_all_that_was_asked_for(a_world: Make) -> None:
    world = a_world("write")
    body = {"inputs": {"topic": "bees"}, "meta": {"who": "me"}, "requester": ANN}
    found = kicked_off(world, body, batch="b-1")
    assert (found.state, found.version) == (ExecutionState.QUEUED, 1)
    assert (found.actor, found.origin, found.batch) == ("ann", "intake", "b-1")
    assert (found.inputs, found.meta) == ({"topic": "bees"}, {"who": "me"})
    assert found.plan_digest == world.runner.the_plan.digest
    assert found.requester == ANN


def test_the_timeline_begins_with_who_kicked_it_off_and_which_way_it_came(a_world: Make) -> None:
    world = a_world("write")
    found = kicked_off(world, {})
    created, *_ = timeline(world.ports, found.id)[1]
    assert (created.event, created.subject_id) == ("execution.create", found.id)
    assert (created.actor, created.at) == ("ann", found.created_at)
    assert created.details == {"origin": "intake"}


def test_whoever_the_credentials_are_of_wanted_it_whatever_the_body_says(a_world: Make) -> None:
    world = a_world("write")
    assert kicked_off(world, {"requester": ANN}, identity=BEN).requester == BEN
    assert kicked_off(world, {}).requester is None


@pytest.mark.parametrize("of_deployment", [True, False])
@pytest.mark.parametrize("of_call", [True, False, None])
def test_a_call_says_whether_webhooks_are_carried_else_the_deployment_does(
    a_world: Make, *, of_deployment: bool, of_call: bool | None
) -> None:
    world = a_world("write", carry_webhooks=of_deployment)
    said = {} if of_call is None else {"carry_webhooks": of_call}
    carries = of_deployment if of_call is None else of_call
    assert kicked_off(world, said).carry_webhooks is carries


def test_an_id_that_is_taken_starts_nothing_more(a_world: Make) -> None:
    world = a_world("write")
    first = kicked_off(world, {"inputs": {"n": 1}}, execution_id="chosen")
    again = kicked_off(world, {"inputs": {"n": 2}}, execution_id="chosen")
    assert (first.id, again) == ("chosen", first)
    assert len(world.jobs) == 1


def test_a_key_is_of_kickoffs_of_one_deployment(a_world: Make) -> None:
    world = a_world("write")
    key = IdempotencyKey("k", "body")
    first = kicked_off(world, {}, key=key)
    assert kicked_off(world, {}, key=key) == first
    kept = world.ports.store.read(lambda tx: tx.keys.get("crew", "kickoff", "k"))
    assert kept is not None
    assert kept.response == {"kickoff_id": first.id}


def needing(world: World, **plan: Any) -> None:
    world.loads(replace(world.runner.the_plan, **plan))


def test_inputs_that_the_crew_needs_are_asked_for_by_name(a_world: Make) -> None:
    world = a_world("write")
    needing(world, inputs=("topic", "tone", "year"))
    with pytest.raises(MissingInputs) as refused:
        kicked_off(world, {"inputs": {"tone": "calm"}})
    assert refused.value.missing == ("topic", "year")
    assert world.jobs == []
    assert kicked_off(world, {"inputs": {"topic": 1, "tone": 2, "year": 3, "more": 4}})


def test_inputs_that_a_flow_has_defaults_for_may_be_left_out(a_world: Make) -> None:
    world = a_world("write")
    needing(world, inputs=("topic",), inputs_required=False)
    assert kicked_off(world, {}).inputs == {}


def test_inputs_that_the_state_does_not_take_are_refused(a_world: Make) -> None:
    world = a_world("write")
    needing(world, schema={"properties": {"n": {"type": "integer"}}})
    with pytest.raises(Invalid, match=r"inputs\.n"):
        kicked_off(world, {"inputs": {"n": "one"}})


def test_what_no_worker_could_load_is_not_kicked_off(a_world: Make) -> None:
    world = a_world("write")
    at = world.ports.clock.now()
    broken = Manifest("crew", None, "no module of that name", at, "w-1")
    world.ports.store.transact(lambda tx: tx.manifests.put(broken))
    with pytest.raises(DeploymentBroken, match=r"^no module of that name$"):
        kicked_off(world, {})


def test_what_no_worker_has_loaded_yet_is_not_kicked_off() -> None:
    with pytest.raises(DeploymentNotReady, match="'crew'"):
        loaded_plan(None, "crew")


def test_what_nobody_declares_is_not_kicked_off(a_world: Make) -> None:
    world = a_world("write")
    world.without_deployments()
    with pytest.raises(UnknownDeployment):
        kicked_off(world, {})


def test_the_plan_is_the_one_that_was_loaded_last(a_world: Make) -> None:
    world = a_world("write")
    loaded: Plan = plan_of("look", "write")
    world.loads(loaded)
    found = kicked_off(world, {})
    assert found.plan_digest == loaded.digest
    assert [run.path for run in world.snapshot(found.id).runs] == ["look"]

"""Kick off an execution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.deployment import Manifest
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.plan import Plan
from orchestrator.errors import DeploymentBroken, DeploymentNotReady, MissingInputs
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.advance import begin_due_tasks
from orchestrator.usecases.executions.locked_execution import LockedExecution
from orchestrator.usecases.idempotency import IdempotencyKey, idempotent
from orchestrator.usecases.webhooks.subscribe import named_webhooks, subscribe, vet
from orchestrator.wire.requests import KickoffBody


@dataclass(frozen=True, slots=True)
class Kickoff:
    """What a producer asks for.

    ``origin`` is the way it came (api, intake, …). ``execution_id`` is given where the producer
    chose it: kicking off twice with the same id starts one execution. ``batch`` is the id of the
    batch that it belongs to.
    """

    deployment: str
    body: KickoffBody
    actor: str
    origin: str
    key: IdempotencyKey | None = None
    execution_id: str | None = None
    batch: str | None = None


def kickoff(ports: Ports, asked: Kickoff) -> JsonObject:
    """Write the execution and its first task runs, and return ``{"kickoff_id": …}``.

    Raises UnknownDeployment, DeploymentNotReady, DeploymentBroken, MissingInputs, KeyReused, and
    Invalid for webhooks that cannot be used.
    """
    ports.deployments.get(asked.deployment)
    vet(ports, named_webhooks(asked.body))
    scope = (asked.deployment, "kickoff")
    return ports.store.transact(
        lambda tx: idempotent(ports, tx, scope, asked.key, lambda: begin(ports, tx, asked))
    )


def begin(ports: Ports, tx: Transaction, asked: Kickoff) -> JsonObject:
    """Do it within a transaction. Raises DeploymentNotReady, DeploymentBroken, MissingInputs."""
    plan = loaded_plan(tx.manifests.get(asked.deployment), asked.deployment)
    _require_inputs(plan, asked.body.inputs)
    execution = _new_execution(ports, tx, asked, plan)
    if tx.executions.add(execution):
        locked = LockedExecution(ports, tx, execution, asked.actor)
        locked.record("execution.create", execution.id, None, origin=asked.origin)
        begin_due_tasks(locked, plan)
        locked.close()
    return {"kickoff_id": execution.id}


def _new_execution(ports: Ports, tx: Transaction, asked: Kickoff, plan: Plan) -> Execution:
    now = tx.now()
    deployment = ports.deployments.get(asked.deployment)
    carry = asked.body.carry_webhooks
    return Execution(
        id=asked.execution_id or ports.ids.new(),
        deployment=asked.deployment,
        state=ExecutionState.QUEUED,
        version=1,
        origin=asked.origin,
        actor=asked.actor,
        plan_digest=plan.digest,
        inputs=asked.body.inputs,
        meta=asked.body.meta or {},
        subscriptions=subscribe(tx, asked.deployment, asked.body, now),
        carry_webhooks=deployment.carry_webhooks if carry is None else carry,
        created_at=now,
        batch=asked.batch,
    )


def loaded_plan(manifest: Manifest | None, deployment: str) -> Plan:
    """The plan that a worker found in the deployment's code.

    Raises DeploymentNotReady before any worker has loaded it, DeploymentBroken where it did not
    load.
    """
    if manifest is None:
        raise DeploymentNotReady(deployment)
    if manifest.plan is None:
        raise DeploymentBroken(manifest.error)
    return manifest.plan


def _require_inputs(plan: Plan, inputs: Mapping[str, Any]) -> None:
    missing = tuple(name for name in plan.inputs if name not in inputs)
    if missing and plan.inputs_required:
        raise MissingInputs(missing)

"""Kick off an execution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.deployment import Manifest
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.plan import Plan
from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.timeline import Entry
from orchestrator.domain.webhooks import Subscriptions
from orchestrator.errors import DeploymentBroken, DeploymentNotReady, MissingInputs
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.advance import first_runs
from orchestrator.usecases.executions.locked_execution import LockedExecution
from orchestrator.usecases.executions.publishing import room_for
from orchestrator.usecases.idempotency import IdempotencyKey, vetted_once
from orchestrator.usecases.webhooks.subscribe import named_webhooks, subscribe, vet
from orchestrator.wire.inputs import require_fitting_inputs
from orchestrator.wire.requests import KickoffBody


@dataclass(frozen=True, slots=True)
class Kickoff:
    """What a producer asks for.

    ``origin`` is the way it came (api, intake, …). ``execution_id`` is given where the producer
    chose it: kicking off twice with the same id starts one execution. ``batch`` is the id of the
    batch that it belongs to. ``identity`` is the address of the person whose credentials it came
    with, where they are one person's alone.
    """

    deployment: str
    body: KickoffBody
    actor: str
    origin: str
    key: IdempotencyKey | None = None
    execution_id: str | None = None
    batch: str | None = None
    identity: str | None = None


def kickoff(ports: Ports, asked: Kickoff) -> JsonObject:
    """Write the execution and its first task runs, and return ``{"kickoff_id": …}``.

    Raises UnknownDeployment, DeploymentNotReady, DeploymentBroken, MissingInputs, KeyReused, and
    Invalid for webhooks that cannot be used.
    """
    ports.deployments.get(asked.deployment)
    return vetted_once(
        ports,
        (asked.deployment, "kickoff"),
        asked.key,
        lambda: vet(ports, named_webhooks(asked.body)),
        lambda tx: begin(ports, tx, asked),
    )


def begin(ports: Ports, tx: Transaction, asked: Kickoff) -> JsonObject:
    """Do it within a transaction. Raises DeploymentNotReady, DeploymentBroken, MissingInputs."""
    plan = loaded_plan(tx.manifests.get(asked.deployment), asked.deployment)
    require_inputs(plan, asked.body.inputs)
    now = tx.now()
    subscriptions = subscribe(tx, asked.deployment, asked.body, now)
    execution = new_execution(ports, asked, plan, subscriptions, now)
    # Who chose the same id at the same moment writes first, and this is done again.
    if asked.execution_id is None or tx.executions.get(execution.id) is None:
        write_beginnings(ports, tx, [execution], plan)
    return {"kickoff_id": execution.id}


def write_beginnings(
    ports: Ports, tx: Transaction, executions: Sequence[Execution], plan: Plan
) -> None:
    """Write new executions, their first task runs and timelines, all of them at once."""
    room = room_for(ports, tx, executions[0].deployment)
    begun: list[Execution] = []
    runs: list[TaskRun] = []
    entries: list[Entry] = []
    for execution in executions:
        locked = LockedExecution(ports, tx, execution, execution.actor, execution.created_at, plan)
        locked.record("execution.create", execution.id, origin=execution.origin)
        runs += first_runs(locked, plan, held=len(runs) >= room)
        entries += locked.chain()
        begun.append(locked.execution)
    tx.executions.add_new(begun)
    tx.task_runs.add(runs)
    tx.timeline.add(entries)


def new_execution(
    ports: Ports, asked: Kickoff, plan: Plan, subscriptions: Subscriptions, now: datetime
) -> Execution:
    """The execution that is asked for, yet to be written."""
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
        subscriptions=subscriptions,
        carry_webhooks=deployment.carry_webhooks if carry is None else carry,
        created_at=now,
        batch=asked.batch,
        requester=asked.identity or asked.body.requester,
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


def require_inputs(plan: Plan, inputs: Mapping[str, Any]) -> None:
    """Raises MissingInputs; Invalid for inputs that a flow's state does not take."""
    missing = tuple(name for name in plan.inputs if name not in inputs)
    if missing and plan.inputs_required:
        raise MissingInputs(missing)
    if plan.schema is not None:
        require_fitting_inputs(plan.schema, inputs)

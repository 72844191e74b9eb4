"""Kick off many executions of one deployment at once, as CrewAI's ``kickoff_for_each`` does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.execution import Execution
from orchestrator.domain.output import Preview
from orchestrator.domain.permission import Scope
from orchestrator.domain.plan import Plan
from orchestrator.errors import MissingInputs, UnknownExecution
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.kickoff import (
    Kickoff,
    loaded_plan,
    new_execution,
    require_inputs,
    write_beginnings,
)
from orchestrator.usecases.idempotency import vetted_once
from orchestrator.usecases.webhooks.subscribe import named_webhooks, subscribe, vet
from orchestrator.wire.requests import KickoffBody

MOST = 1000
"""Executions that one call may kick off."""


class BatchBody(KickoffBody):
    """The body of ``POST /v1/batches``: that of a kickoff, with a list of inputs."""

    deployment: str
    inputs: list[dict[str, Any]] = Field(min_length=1, max_length=MOST)  # type: ignore[assignment]

    def each(self) -> Iterator[KickoffBody]:
        """The bodies of the single kickoffs."""
        shared = {name: getattr(self, name) for name in KickoffBody.model_fields}
        for inputs in self.inputs:
            yield KickoffBody.model_construct(**{**shared, "inputs": inputs})


def kickoff_batch(ports: Ports, asked: Kickoff, body: BatchBody) -> JsonObject:
    """Write all executions or none; returns ``{"batch_id", "kickoff_ids": […]}`` in their order.

    ``asked`` says who asks for which deployment; its own body is not read. Raises what a kickoff
    raises.
    """
    ports.deployments.get(asked.deployment)
    return vetted_once(
        ports,
        (asked.deployment, "batch"),
        asked.key,
        lambda: vet(ports, named_webhooks(body)),
        lambda tx: _begin_all(ports, tx, asked, body),
    )


def _begin_all(ports: Ports, tx: Transaction, asked: Kickoff, body: BatchBody) -> JsonObject:
    """What they share is read once, their rows are written in bulk: the lock is held briefly."""
    plan = loaded_plan(tx.manifests.get(asked.deployment), asked.deployment)
    bodies = list(body.each())
    for place, each in enumerate(bodies):
        _require_inputs(plan, each, place)
    batch = ports.ids.new()
    now = tx.now()
    subscriptions = subscribe(tx, asked.deployment, body, now)
    executions = [
        new_execution(ports, replace(asked, body=each, batch=batch), plan, subscriptions, now)
        for each in bodies
    ]
    write_beginnings(ports, tx, executions, plan)
    return {"batch_id": batch, "kickoff_ids": [execution.id for execution in executions]}


def _require_inputs(plan: Plan, body: KickoffBody, place: int) -> None:
    try:
        require_inputs(plan, body.inputs)
    except MissingInputs as error:
        raise error.at(place) from None


@dataclass(frozen=True, slots=True)
class BatchMember:
    """An execution of a batch, with the beginning of its result once it has one."""

    execution: Execution
    result: Preview | None


def read_batch(ports: Ports, batch: str, scope: Scope) -> tuple[BatchMember, ...]:
    """The executions of a batch, in the order of their inputs.

    Raises UnknownExecution where there is no such batch, or it is another deployment's.
    """

    def read(tx: Transaction) -> tuple[BatchMember, ...]:
        found = tx.executions.of_batch(batch)
        previews = tx.outputs.previews([each.result for each in found if each.result])
        return tuple(BatchMember(each, previews.get(each.result or "")) for each in found)

    members = ports.store.read(read)
    if not members:
        raise UnknownExecution(batch)
    scope.require(members[0].execution.deployment, UnknownExecution(batch))
    return members

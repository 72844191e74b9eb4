"""Stop many executions at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from orchestrator.domain.execution import OPEN, Execution, ExecutionState
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.errors import CannotStop
from orchestrator.ports import ExecutionFilter, Ports, Position, Transaction
from orchestrator.usecases.executions.stop import stop
from orchestrator.wire.ids import Id

AT_A_TIME = 200


class StopBody(BaseModel):
    """Which open executions are meant: those that meet every condition; one at least is given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    deployment: str | None = None
    state: Literal["PENDING_HUMAN_INPUT", "QUEUED", "RUNNING"] | None = None
    batch: Id | None = None

    @model_validator(mode="after")
    def _require_condition(self) -> Self:
        if self == self.model_construct():
            raise ValueError("say which: deployment, state or batch")
        return self


def stop_batch(ports: Ports, selection: StopBody, scope: Scope, actor: str) -> tuple[str, ...]:
    """Stop each of the selected executions; returns the ids of those that this call stopped.

    Only those of the ``scope`` are stopped. They are selected at one moment: one that is answered
    meanwhile is among them. Each is stopped in a transaction of its own, and one that ends
    meanwhile is left out.
    """
    found = ports.store.read(
        lambda tx: [execution.id for execution in _selected(tx, selection, scope)]
    )
    return tuple(each for each in found if _stopped(ports, each, actor))


def _stopped(ports: Ports, execution_id: str, actor: str) -> bool:
    try:
        stop(ports, EVERYWHERE, execution_id, actor)
    except CannotStop:
        return False
    return True


def _selected(tx: Transaction, selection: StopBody, scope: Scope) -> Iterator[Execution]:
    for state in OPEN if selection.state is None else (ExecutionState(selection.state),):
        yield from _all(tx, ExecutionFilter(scope.names, state, batch=selection.batch))


def _all(tx: Transaction, wanted: ExecutionFilter) -> Iterator[Execution]:
    after: Position | None = None
    while True:
        page = tx.executions.page(wanted, after, AT_A_TIME)
        yield from page
        if len(page) < AT_A_TIME:
            return
        after = Position(page[-1].created_at, page[-1].id)

"""Rewind an execution: have it go on from one of its checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.checkpoint import Checkpoint, as_of, moment_of, standing
from orchestrator.domain.execution import EXECUTION, Execution, ExecutionState
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.errors import CannotRewind, UnknownCheckpoint
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.advance import begin_due_tasks
from orchestrator.usecases.executions.ask_again import ask_again
from orchestrator.usecases.executions.locked_execution import lock_execution
from orchestrator.usecases.executions.migrate import migrate_to_deployed
from orchestrator.usecases.executions.snapshot import readable
from orchestrator.usecases.executions.take_back import take_back
from orchestrator.usecases.idempotency import IdempotencyKey, idempotent


@dataclass(frozen=True, slots=True)
class Rewind:
    """What a person asks for; ``number`` is that of the checkpoint, 0 the beginning.

    ``scope`` is where they may.
    """

    execution_id: str
    number: int
    actor: str
    scope: Scope = EVERYWHERE
    key: IdempotencyKey | None = None


def rewind(ports: Ports, asked: Rewind) -> JsonObject:
    """Supersede what came after the checkpoint, and go on from there.

    Returns ``{"execution_id", "checkpoint", "superseded"}``, the last with the numbers of the
    checkpoints that do not stand any more. Open reviews are withdrawn, and results that are still
    to come are refused. An output that waited for a person at the checkpoint is put before one
    again, as a new review. Raises UnknownExecution, UnknownCheckpoint, UnknownDeployment,
    KeyReused; CannotRewind where it has not begun, was stopped or purged, or has nothing to go
    back over.
    """

    def decide(tx: Transaction) -> JsonObject:
        locked = lock_execution(ports, tx, asked.execution_id, asked.actor)
        ports.deployments.get(locked.execution.deployment)
        migrate_to_deployed(locked)
        numbers = _superseded(locked.execution, locked.all_checkpoints, asked.number)
        left = as_of(locked.all_checkpoints, asked.number)
        locked.transition(
            "rewind", locked.execution.rewind(), checkpoint=asked.number, superseded=len(numbers)
        )
        take_back(locked, numbers, left[-1].path if left else "")
        ask_again(locked)
        begin_due_tasks(locked, locked.plan, resumes=True)
        locked.close()
        return {
            "execution_id": asked.execution_id,
            "checkpoint": asked.number,
            "superseded": list(numbers),
        }

    def once(tx: Transaction) -> JsonObject:
        deployment = readable(tx, asked.execution_id, asked.scope).deployment
        return idempotent(ports, tx, (deployment, "rewind"), asked.key, lambda: decide(tx))

    return ports.store.transact(once)


def _superseded(
    execution: Execution, checkpoints: Sequence[Checkpoint], number: int
) -> tuple[int, ...]:
    if execution.state is ExecutionState.STOPPED:
        raise CannotRewind("It was stopped for good. Fork it: that is a new execution.")
    if not EXECUTION.allows("rewind", execution.state):
        raise CannotRewind("It has not begun: there is nothing to go back over.")
    if execution.purged_at is not None:
        raise CannotRewind("Its outputs were purged: kick off a new one.")
    require_checkpoint(checkpoints, number)
    stands = standing(checkpoints)
    is_change = any(each.number == number and each.change is not None for each in checkpoints)
    if number and not is_change and all(each.number != number for each in stands):
        raise CannotRewind(
            f"Checkpoint {number} was superseded by a later rewind. Fork from it, or rewind to one "
            "that stands."
        )
    until = moment_of(checkpoints, number)
    superseded = tuple(each.number for each in stands if each.number > until)
    if not superseded and execution.state is ExecutionState.SUCCEEDED:
        raise CannotRewind(f"Nothing came after checkpoint {number}: the execution is complete.")
    return superseded


def require_checkpoint(checkpoints: Sequence[Checkpoint], number: int) -> None:
    """Raises UnknownCheckpoint; 0 is always there."""
    if number and all(each.number != number for each in checkpoints):
        raise UnknownCheckpoint(number, max((each.number for each in checkpoints), default=0))

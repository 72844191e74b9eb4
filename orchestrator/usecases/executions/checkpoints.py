"""The checkpoints of an execution, as those see them who rewind or fork it."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.domain.checkpoint import Checkpoint, standing
from orchestrator.domain.permission import Scope
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.snapshot import readable


@dataclass(frozen=True, slots=True)
class ListedCheckpoint:
    """A checkpoint; ``stands`` is False once a rewind has superseded it."""

    checkpoint: Checkpoint
    stands: bool


def list_checkpoints(ports: Ports, execution_id: str, scope: Scope) -> tuple[ListedCheckpoint, ...]:
    """All of an execution's, in order. Raises UnknownExecution and Unreadable."""

    def read(tx: Transaction) -> tuple[ListedCheckpoint, ...]:
        execution = readable(tx, execution_id, scope)
        found = tx.checkpoints.shown(execution.id)
        left = {each.number for each in standing(found)}
        return tuple(
            ListedCheckpoint(each, each.number in left or each.change is not None) for each in found
        )

    return ports.store.read(read)

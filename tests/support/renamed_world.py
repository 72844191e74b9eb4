"""Executions of functions whose tasks are renamed while they wait, and what became of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from renamed_code import RAN
from world import World

from orchestrator.adapters.deployment_file import DeploymentFile
from orchestrator.domain.checkpoint import Cause
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.record import Counts, check
from orchestrator.domain.review import Review
from orchestrator.usecases.executions.rewind import Rewind, rewind
from orchestrator.usecases.operations.load_deployments import load_deployments
from orchestrator.usecases.operations.record import read_record

RENAMED = {"write": "draft", "publish": "print"}
"""From ``crew_before`` to ``crew_after``."""


def deploys(world: World, name: str, renamed: dict[str, str] | None = None, **more: Any) -> None:
    """Other code is deployed, and what it has under other names: the workers restart."""
    before = world.ports.deployments.get("crew")
    target = name if ":" in name else f"renamed_code:{name}"
    after = replace(before, target=target, renamed=renamed or {}, **more)
    world.ports = replace(world.ports, deployments=DeploymentFile({"crew": after}))
    world.ports.store.transact(lambda tx: tx.workers.gone("w-1"))
    load_deployments(world.ports, "w-1", world.ports.deployments.queues(), "w-1/1")


def migrations(world: World, execution_id: str) -> list[Any]:
    entries = world.ports.store.read(lambda tx: tx.timeline.of(execution_id))
    return [entry for entry in entries if entry.event == "execution.migrate"]


def open_review(world: World, execution_id: str) -> Review:
    (pending,) = world.snapshot(execution_id).pending
    return pending.review


def committed(world: World, execution_id: str) -> list[str]:
    return [each.path for each in world.snapshot(execution_id).committed]


def told(name: str) -> Any:
    """What a task of that name was told last."""
    return next(call for ran, call in reversed(RAN) if ran == name)


def ran() -> list[str]:
    return [name for name, _ in RAN]


def state_of(world: World, execution_id: str) -> ExecutionState:
    return world.snapshot(execution_id).execution.state


def rewound(world: World, execution_id: str, number: int) -> None:
    rewind(world.ports, Rewind(execution_id, number, "tests"))
    world.work()


def require_sound(world: World) -> None:
    """Nothing of the record was changed, and its chains are whole."""
    assert list(check([dict(line) for line in read_record(world.ports.store)], Counts())) == []


def numbers(world: World, execution_id: str) -> dict[tuple[Cause, str], int]:
    found = world.ports.store.read(lambda tx: tx.checkpoints.of(execution_id))
    return {(each.cause, each.path): each.number for each in found}

"""Read what the workers found when they loaded the deployments."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.domain.deployment import Manifest
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.domain.plan import Plan
from orchestrator.ports import Ports
from orchestrator.usecases.executions.kickoff import loaded_plan


@dataclass(frozen=True, slots=True)
class Described:
    """A deployment and its manifest, None where no worker has loaded it yet."""

    name: str
    manifest: Manifest | None


def plan_of(ports: Ports, deployment: str) -> Plan:
    """The plan of a deployment. Raises DeploymentNotReady and DeploymentBroken."""
    manifest = ports.store.read(lambda tx: tx.manifests.get(deployment))
    return loaded_plan(manifest, deployment)


def described(ports: Ports, scope: Scope = EVERYWHERE) -> tuple[Described, ...]:
    """The deployments of the scope, in the order in which they were declared."""
    names = [name for name in ports.deployments.names() if name in scope]
    return ports.store.read(
        lambda tx: tuple(Described(name, tx.manifests.get(name)) for name in names)
    )

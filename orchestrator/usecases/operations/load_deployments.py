"""Load the deployments' code, as a crew worker does when it starts, and write their manifests."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import structlog

from orchestrator.domain.deployment import Deployment, Manifest
from orchestrator.domain.plan import Plan
from orchestrator.domain.policy_faults import faults_against
from orchestrator.errors import FOREIGN, DeploymentBroken, cause
from orchestrator.ports import Ports, Transaction

log = structlog.get_logger()


def load_deployments(
    ports: Ports, worker: str, queues: Collection[str], process: str | None = None
) -> dict[str, Plan | DeploymentBroken]:
    """Load the deployments on these queues; one that does not load leaves the others alone.

    Returns each one's plan, or why it did not load, by name; the manifests say the same. The
    ``process`` of the worker that will run them is said to live in the same transaction: whoever is
    kicked off with a new plan finds a worker for it.
    """
    declared = map(ports.deployments.get, ports.deployments.names())
    loaded = {each.name: _load(ports, each) for each in declared if each.queue in queues}
    manifests = [_manifest(ports, name, found, worker) for name, found in loaded.items()]

    def write(tx: Transaction) -> None:
        for manifest in manifests:
            tx.manifests.put(manifest)
        if process is not None:
            tx.workers.loaded(process, worker, digests_of(loaded))

    ports.store.transact(write)
    return loaded


def digests_of(loaded: Mapping[str, Plan | DeploymentBroken]) -> dict[str, str]:
    """The digests of the plans that were loaded, by deployment."""
    return {name: found.digest for name, found in loaded.items() if isinstance(found, Plan)}


def _load(ports: Ports, deployment: Deployment) -> Plan | DeploymentBroken:
    try:
        plan = ports.runners[deployment.runner].plan(deployment)
    except DeploymentBroken as error:
        log.warning("deployment does not load", deployment=deployment.name, reason=error.message)
        return error
    except FOREIGN as error:
        log.warning("deployment does not load", deployment=deployment.name, exc_info=error)
        return DeploymentBroken(f"Deployment {deployment.name!r} does not load: {cause(error)}")
    if not plan.names:
        return DeploymentBroken(f"Deployment {deployment.name!r} has no tasks")
    for fault in faults_against(plan, deployment.review_policy):
        log.warning("review policy does not fit", deployment=deployment.name, reason=fault)
    return plan


def _manifest(ports: Ports, name: str, found: Plan | DeploymentBroken, worker: str) -> Manifest:
    return Manifest(
        deployment=name,
        plan=None if isinstance(found, DeploymentBroken) else found,
        error=found.message if isinstance(found, DeploymentBroken) else None,
        written_at=ports.clock.now(),
        worker=worker,
        settings=ports.deployments.get(name).settings(),
    )

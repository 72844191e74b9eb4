"""What the operator declares for a deployment, also for one that was taken out of the file."""

from __future__ import annotations

from orchestrator.domain.deployment import Deployment
from orchestrator.errors import UnknownDeployment
from orchestrator.ports import Ports, Transaction


def settings_of(ports: Ports, tx: Transaction, deployment: str) -> Deployment:
    """A deployment's settings; those that it had last where it is not declared any more.

    Its executions are still there: they can be answered, stopped and looked at, and go on once a
    worker knows the deployment again.
    """
    try:
        return ports.deployments.get(deployment)
    except UnknownDeployment:
        return Deployment.with_settings(deployment, tx.manifests.settings(deployment) or {})

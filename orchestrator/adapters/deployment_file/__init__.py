"""The deployments, as an operator declares them in a TOML file."""

from __future__ import annotations

from orchestrator.adapters.deployment_file.entry import RunnerKind
from orchestrator.adapters.deployment_file.loading import (
    EXAMPLE,
    DeploymentFile,
    load_deployments,
)

__all__ = ["EXAMPLE", "DeploymentFile", "RunnerKind", "load_deployments"]

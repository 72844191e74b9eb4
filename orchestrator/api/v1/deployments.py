"""The deployments, as the workers found them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from orchestrator.api.common.access import Viewer, base_url
from orchestrator.api.common.json_response import JsonResponse, without_nones
from orchestrator.api.common.openapi import documented
from orchestrator.api.v1.record_models import DeploymentList
from orchestrator.usecases.operations.manifests import Described, described

deployments = APIRouter(prefix="/v1/deployments", tags=["deployments"])


@deployments.get("", responses=documented(DeploymentList), summary="List the deployments")
def list_deployments(request: Request, visitor: Viewer) -> JsonResponse:
    """Those that the token is valid for, with the inputs that they need, or why not."""
    base = base_url(request, visitor.ports)
    default = visitor.ports.deployments.default()
    records = [
        {
            "name": found.name,
            "url": f"{base}/crews/{found.name}",
            "default": found.name == default,
            **_condition(found),
        }
        for found in described(visitor.ports, visitor.scope)
    ]
    return JsonResponse({"deployments": records})


def _condition(found: Described) -> dict[str, Any]:
    manifest = found.manifest
    if manifest is None:
        return {"health": "not loaded", "inputs": [], "tasks": []}
    plan = manifest.plan
    return without_nones(
        {
            "health": "ready" if plan else "broken",
            "error": manifest.error,
            "inputs": list(plan.inputs) if plan else [],
            "tasks": list(plan.names) if plan else [],
            "loaded_at": manifest.written_at.isoformat(),
        }
    )

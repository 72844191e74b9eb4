"""What was changed about the service itself, and by whom."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from orchestrator.api.common.access import Manager
from orchestrator.api.common.json_response import JsonResponse
from orchestrator.api.common.openapi import documented
from orchestrator.api.v1.record_models import AuditList
from orchestrator.api.v1.records import audit_record
from orchestrator.usecases.operations.audit import newest_entries

audit = APIRouter(prefix="/v1/audit", tags=["audit"])

Limit = Annotated[int, Query(ge=1, le=1000, description="How many to give at most.")]


@audit.get("", responses=documented(AuditList, 422), summary="Who changed the service")
def list_newest(visitor: Manager, limit: Limit = 50) -> JsonResponse:
    """What was changed of endpoints, secrets, tokens and deployments. For tokens of all."""
    visitor.require_everywhere()
    return JsonResponse(
        {"audit": [audit_record(one) for one in newest_entries(visitor.ports, limit)]}
    )

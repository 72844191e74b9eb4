"""What became of the messages of producers that do not speak HTTP."""

from __future__ import annotations

from fastapi import APIRouter

from orchestrator.api.common.access import Manager
from orchestrator.api.common.json_response import JsonResponse
from orchestrator.api.common.openapi import documented
from orchestrator.api.common.paging import Limit
from orchestrator.api.v1.executions import OneDeployment
from orchestrator.api.v1.record_models import MessageList
from orchestrator.api.v1.records import message_record
from orchestrator.domain.intake import IntakeState
from orchestrator.usecases.intake.messages import list_messages

messages = APIRouter(prefix="/v1/messages", tags=["messages"])


@messages.get("", responses=documented(MessageList, 422), summary="List the newest messages")
def list_newest(
    visitor: Manager,
    state: IntakeState | None = None,
    deployment: OneDeployment = None,
    limit: Limit = 50,
) -> JsonResponse:
    """Newest first, with the reason of each that was refused or waits."""
    found = list_messages(visitor.ports, state, visitor.narrowed(deployment), limit)
    return JsonResponse({"messages": [message_record(one) for one in found]})

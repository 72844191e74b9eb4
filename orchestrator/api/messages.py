"""What became of the messages of producers that do not speak HTTP."""

from __future__ import annotations

from fastapi import APIRouter

from orchestrator.api.access import AnyVisitor
from orchestrator.api.executions import OneDeployment
from orchestrator.api.json_answer import JsonAnswer
from orchestrator.api.openapi import documented
from orchestrator.api.pages import Limit
from orchestrator.api.record_answers import MessageList
from orchestrator.api.records import message_record
from orchestrator.ports import IntakeState
from orchestrator.usecases.messages import list_messages

messages = APIRouter(prefix="/v1/messages", tags=["messages"])


@messages.get("", responses=documented(MessageList, 422), summary="List the newest messages")
def list_newest(
    visitor: AnyVisitor,
    state: IntakeState | None = None,
    deployment: OneDeployment = None,
    limit: Limit = 50,
) -> JsonAnswer:
    """Newest first, with the reason of each that was refused or waits."""
    found = list_messages(visitor.ports, state, visitor.narrowed(deployment), limit)
    return JsonAnswer({"messages": [message_record(one) for one in found]})

"""What became of the mails that came in."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from orchestrator.api.common.access import Manager
from orchestrator.api.common.json_response import JsonResponse
from orchestrator.api.common.openapi import documented
from orchestrator.api.common.paging import Limit
from orchestrator.api.platform.status import given
from orchestrator.api.v1.executions import OneDeployment
from orchestrator.domain.inbound_mail import MailState, StoredMail
from orchestrator.usecases.operations.mails import list_mails

mails = APIRouter(prefix="/v1/mails", tags=["mails"])


class MailRecord(BaseModel):
    """A mail that came in, and what became of it."""

    mail_id: str
    message_id: str
    state: Literal["WAITING", "TAKEN", "IGNORED", "REFUSED", "UNREADABLE"]
    reason: str | None = None
    deployment: str | None = None
    execution_id: str | None = None
    review_id: str | None = None
    received_at: str


class MailList(BaseModel):
    """The newest mails."""

    mails: list[MailRecord]


@mails.get("", responses=documented(MailList, 422), summary="List the newest mails that came in")
def list_newest(
    visitor: Manager,
    state: MailState | None = None,
    deployment: OneDeployment = None,
    limit: Limit = 50,
) -> JsonResponse:
    """Newest first, with the reason of each that decided nothing."""
    found = list_mails(visitor.ports, state, visitor.narrowed(deployment), limit)
    return JsonResponse({"mails": [_record(one) for one in found]})


def _record(mail: StoredMail) -> dict[str, Any]:
    """Without what the mail says."""
    return given(
        {
            "mail_id": mail.id,
            "message_id": mail.message_id,
            "state": mail.state.value,
            "reason": mail.reason,
            "deployment": mail.deployment,
            "execution_id": mail.execution_id,
            "review_id": mail.review_id,
            "received_at": mail.received_at.isoformat(),
        }
    )

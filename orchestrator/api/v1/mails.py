"""What became of the mails that came in."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from orchestrator.api.common.access import Manager
from orchestrator.api.common.json_response import JsonResponse, without_nones
from orchestrator.api.common.openapi import documented
from orchestrator.api.common.paging import Cursor, Limit, cut, position_of
from orchestrator.api.v1.executions import OneDeployment
from orchestrator.domain.inbound_mail import MailState, StoredMail, WhyRefused
from orchestrator.domain.person import LONGEST_ADDRESS
from orchestrator.ports import MailFilter
from orchestrator.usecases.intake.mails import list_mails
from orchestrator.wire.ids import Id

mails = APIRouter(prefix="/v1/mails", tags=["mails"])


class MailRecord(BaseModel):
    """A mail that came in, and what became of it.

    ``sender`` is the address that it says it is from, which nothing has proven. ``why`` sorts the
    reasons of those that were refused.
    """

    mail_id: str
    message_id: str
    state: Literal["WAITING", "TAKEN", "IGNORED", "REFUSED", "UNREADABLE"]
    sender: str | None = None
    why: WhyRefused | None = None
    reason: str | None = None
    deployment: str | None = None
    execution_id: str | None = None
    review_id: str | None = None
    received_at: str


class MailList(BaseModel):
    """A page of mails, newest first."""

    mails: list[MailRecord]
    next: str | None = None


Sender = Annotated[
    str | None, Query(max_length=LONGEST_ADDRESS, description="Only those of this address.")
]
OneReview = Annotated[
    Id | None, Query(max_length=200, description="Only those that answered this review.")
]


@mails.get("", responses=documented(MailList, 422), summary="List the mails that came in")
def list_page(  # noqa: PLR0913 - one parameter for each that the query takes
    visitor: Manager,
    *,
    state: MailState | None = None,
    deployment: OneDeployment = None,
    sender: Sender = None,
    review_id: OneReview = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> JsonResponse:
    """Newest first, with the reason of each that decided nothing."""
    address = sender.strip().casefold() if sender else None
    wanted = MailFilter(visitor.narrowed(deployment).names, state, address, review_id)
    found = list_mails(visitor.ports, wanted, position_of(cursor), limit + 1)
    page, more = cut(found, limit)
    return JsonResponse({"mails": [_record(one) for one in page], **more})


def _record(mail: StoredMail) -> dict[str, Any]:
    """Without what the mail says."""
    return without_nones(
        {
            "mail_id": mail.id,
            "message_id": mail.message_id,
            "state": mail.state.value,
            "sender": mail.sender,
            "why": mail.why.value if mail.why else None,
            "reason": mail.reason,
            "deployment": mail.deployment,
            "execution_id": mail.execution_id,
            "review_id": mail.review_id,
            "received_at": mail.received_at.isoformat(),
        }
    )

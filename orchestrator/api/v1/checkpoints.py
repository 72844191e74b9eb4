"""The checkpoints of executions: look at them, go back to one, begin anew from one."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from orchestrator.api.common.access import Manager, Viewer
from orchestrator.api.common.json_response import JsonResponse, without_nones
from orchestrator.api.common.openapi import BODY, body_of, documented
from orchestrator.api.common.request_body import KeyHeader, RawBody, key_of, parse_json
from orchestrator.domain.checkpoint import Cause
from orchestrator.usecases.executions.checkpoints import ListedCheckpoint, list_checkpoints
from orchestrator.usecases.executions.fork import Fork, fork
from orchestrator.usecases.executions.rewind import Rewind, rewind
from orchestrator.wire.ids import Id
from orchestrator.wire.misspelt import with_warnings
from orchestrator.wire.requests import ForkBody, RewindBody, parse

checkpoints = APIRouter(prefix="/v1/executions", tags=["executions"])


class CheckpointRecord(BaseModel):
    """A point that an execution can go on from. ``path`` names the task or step.

    ``stands`` is false once a rewind has superseded it. ``execution_time`` is in seconds.
    """

    number: int
    cause: Cause
    path: str
    name: str
    at: str
    stands: bool
    review_id: str | None = None
    execution_time: float | None = None


class CheckpointList(BaseModel):
    """The checkpoints of an execution, in the order in which they were written."""

    execution_id: str
    checkpoints: list[CheckpointRecord]


class Rewound(BaseModel):
    """The execution goes on from the checkpoint; ``superseded`` do not stand any more."""

    execution_id: str
    checkpoint: int
    superseded: list[int]
    warnings: list[str] | None = None


class Forked(BaseModel):
    """The new execution, and the checkpoint of the first one that it began with."""

    execution_id: str
    forked_from: str
    checkpoint: int
    warnings: list[str] | None = None


@checkpoints.get(
    "/{execution_id}/checkpoints",
    responses=documented(CheckpointList, 404, 409),
    summary="The checkpoints of an execution",
)
def read_checkpoints(visitor: Viewer, execution_id: Id) -> JsonResponse:
    """In order; those that a rewind has superseded as well."""
    found = list_checkpoints(visitor.ports, execution_id, visitor.scope)
    return JsonResponse(
        {"execution_id": execution_id, "checkpoints": [_record(each) for each in found]}
    )


@checkpoints.post(
    "/{execution_id}/rewind",
    responses=documented(Rewound, 404, 409, *BODY),
    openapi_extra=body_of(RewindBody),
    summary="Have an execution go on from one of its checkpoints",
)
def rewind_execution(
    visitor: Manager, execution_id: Id, raw: RawBody, key: KeyHeader = None
) -> JsonResponse:
    """What came after does not stand any more; it is kept, and the timeline has it."""
    body = parse_json(raw)
    wanted = parse(RewindBody, body)
    asked = Rewind(
        execution_id,
        wanted.checkpoint,
        visitor.actor,
        visitor.scope,
        key_of(key, "rewind", {"of": execution_id, **body}),
    )
    return JsonResponse(with_warnings(rewind(visitor.ports, asked), RewindBody, body))


@checkpoints.post(
    "/{execution_id}/fork",
    responses=documented(Forked, 404, 409, *BODY),
    openapi_extra=body_of(ForkBody),
    summary="Begin a new execution with a checkpoint of this one",
)
def fork_execution(
    visitor: Manager, execution_id: Id, raw: RawBody, key: KeyHeader = None
) -> JsonResponse:
    """With other inputs, words or another text; the first execution stays as it is."""
    body = parse_json(raw)
    asked = Fork(
        execution_id=execution_id,
        body=parse(ForkBody, body),
        actor=visitor.actor,
        origin=visitor.channel,
        scope=visitor.scope,
        key=key_of(key, "fork", {"of": execution_id, **body}),
        identity=visitor.person,
    )
    return JsonResponse(with_warnings(fork(visitor.ports, asked), ForkBody, body))


def _record(listed: ListedCheckpoint) -> dict[str, Any]:
    each = listed.checkpoint
    return without_nones(
        {
            "number": each.number,
            "cause": each.cause.value,
            "path": each.path,
            "name": each.name,
            "at": each.created_at.isoformat(),
            "stands": listed.stands,
            "review_id": each.review_id,
            "execution_time": each.seconds,
        }
    )

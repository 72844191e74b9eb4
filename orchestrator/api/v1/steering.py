"""What operators do to executions: retry one, stop many, kick off a batch."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from orchestrator.api.common.access import Manager, Viewer
from orchestrator.api.common.json_response import JsonResponse
from orchestrator.api.common.openapi import BODY, body_of, documented
from orchestrator.api.common.request_body import KeyHeader, RawBody, key_of, parse_json
from orchestrator.api.v1.record_models import ExecutionLine
from orchestrator.api.v1.records import execution_line, preview
from orchestrator.usecases.executions.kickoff import Kickoff
from orchestrator.usecases.executions.kickoff_batch import (
    BatchBody,
    BatchMember,
    kickoff_batch,
    read_batch,
)
from orchestrator.usecases.executions.retry import retry_execution
from orchestrator.usecases.executions.stop_batch import StopBody, stop_batch
from orchestrator.wire.ids import Id
from orchestrator.wire.requests import parse

steering = APIRouter(prefix="/v1", tags=["executions"])


class StoppedMany(BaseModel):
    """The executions that this call stopped."""

    stopped: list[str]


class BatchKickedOff(BaseModel):
    """The executions of a batch, in the order of their inputs."""

    batch_id: str
    kickoff_ids: list[str]


class BatchLine(ExecutionLine):
    """An execution of a batch; ``result`` is its text once it has succeeded.

    Of a large one that is the beginning, and ``result_cut`` is true.
    """

    result: str | None = None
    result_cut: bool | None = None


class Batch(BaseModel):
    """A batch and its executions, in the order of their inputs."""

    batch_id: str
    executions: list[BatchLine]


@steering.post(
    "/executions/{execution_id}/retry",
    responses=documented(ExecutionLine, 404, 409),
    summary="Retry an execution that failed",
)
def retry(visitor: Manager, execution_id: Id) -> JsonResponse:
    """From its last checkpoint: what is committed does not run again."""
    retried = retry_execution(visitor.ports, visitor.scope, execution_id, visitor.actor)
    return JsonResponse(execution_line(retried))


@steering.post(
    "/executions/stop",
    responses=documented(StoppedMany, *BODY),
    openapi_extra=body_of(StopBody),
    summary="Stop many executions for good",
)
def stop_many(visitor: Manager, raw: RawBody) -> JsonResponse:
    """Those that meet every condition that is given; at least one must be."""
    asked = parse(StopBody, parse_json(raw))
    scope = visitor.narrowed(asked.deployment)
    return JsonResponse({"stopped": stop_batch(visitor.ports, asked, scope, visitor.actor)})


@steering.post(
    "/batches",
    responses=documented(BatchKickedOff, 404, *BODY),
    openapi_extra=body_of(BatchBody),
    summary="Start an execution for each of many inputs",
)
def kick_off_batch(visitor: Manager, raw: RawBody, key: KeyHeader = None) -> JsonResponse:
    """All of them or none."""
    body = parse_json(raw)
    wanted = parse(BatchBody, body)
    visitor.narrowed(wanted.deployment)
    asked = Kickoff(
        deployment=wanted.deployment,
        body=wanted,
        actor=visitor.actor,
        origin=visitor.channel,
        key=key_of(key, "batch", body),
        identity=visitor.person,
    )
    return JsonResponse(kickoff_batch(visitor.ports, asked, wanted))


@steering.get(
    "/batches/{batch_id}",
    responses=documented(Batch, 404),
    summary="The executions of a batch",
)
def show_batch(visitor: Viewer, batch_id: Id) -> JsonResponse:
    """In the order of their inputs, each with its result once it has succeeded."""
    members = read_batch(visitor.ports, batch_id, visitor.scope)
    return JsonResponse({"batch_id": batch_id, "executions": [_line(each) for each in members]})


def _line(member: BatchMember) -> dict[str, Any]:
    return {**execution_line(member.execution), **preview("result", member.result)}

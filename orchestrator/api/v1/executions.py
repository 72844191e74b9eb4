"""What operators ask of executions, across deployments."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from orchestrator.api.common.access import Viewer
from orchestrator.api.common.json_response import JsonResponse, written_as_it_goes
from orchestrator.api.common.openapi import documented, documented_as
from orchestrator.api.common.paging import Cursor, Limit, cut, position_of
from orchestrator.api.drawing import svg
from orchestrator.api.drawing.execution_graph import draw_execution
from orchestrator.api.v1.record_models import ExecutionPage, ExecutionRecord, TimelineRecord
from orchestrator.api.v1.records import entry_record, execution_line, execution_record
from orchestrator.domain.execution import ExecutionState
from orchestrator.ports import ExecutionFilter
from orchestrator.usecases.executions.find import list_executions
from orchestrator.usecases.executions.snapshot import history, snapshot, timeline
from orchestrator.wire.ids import Id
from orchestrator.wire.moment import Moment

executions = APIRouter(prefix="/v1/executions", tags=["executions"])

_GRAPH_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

OneDeployment = Annotated[str | None, Query(description="Only those of this deployment.")]


def _wanted(
    state: ExecutionState | None = None,
    since: Annotated[Moment | None, Query(description="Kicked off then or later.")] = None,
    until: Annotated[Moment | None, Query(description="Kicked off before then.")] = None,
    meta: Annotated[
        str | None, Query(max_length=200, description="A text that stands in their `meta`.")
    ] = None,
) -> ExecutionFilter:
    return ExecutionFilter(None, state, since, until, meta)


Wanted = Annotated[ExecutionFilter, Depends(_wanted)]


@executions.get("", responses=documented(ExecutionPage, 422), summary="List executions")
def list_page(
    visitor: Viewer,
    wanted: Wanted,
    deployment: OneDeployment = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> JsonResponse:
    """Newest first."""
    visible = replace(wanted, deployments=visitor.narrowed(deployment).names)
    found = list_executions(visitor.ports, visible, position_of(cursor), limit + 1)
    page, more = cut(found, limit)
    return JsonResponse({"executions": [execution_line(one) for one in page], **more})


@executions.get(
    "/{execution_id}",
    responses=documented(ExecutionRecord, 404),
    summary="An execution with all that happened to it",
)
def read_execution(visitor: Viewer, execution_id: Id) -> Response:
    """Its tasks with their rounds, its reviews, its result, what it cost, and its timeline."""
    snapshot, entries = history(visitor.ports, execution_id, visitor.scope)
    return written_as_it_goes(execution_record(snapshot, entries))


@executions.get(
    "/{execution_id}/timeline",
    responses=documented(TimelineRecord, 404),
    summary="What happened to an execution",
)
def read_timeline(visitor: Viewer, execution_id: Id) -> JsonResponse:
    """In order, with who did it."""
    execution, entries = timeline(visitor.ports, execution_id, visitor.scope)
    lines = [entry_record(entry) for entry in entries]
    return JsonResponse({"execution_id": execution.id, "timeline": lines})


@executions.get(
    "/{execution_id}/graph.svg",
    response_class=Response,
    responses=documented_as(svg.MEDIA_TYPE, 404),
    summary="An execution as a picture",
)
def read_graph(visitor: Viewer, execution_id: Id) -> Response:
    """Its tasks or methods, how each stands and what each comes after; a text says the same."""
    found = snapshot(visitor.ports, execution_id, visitor.scope)
    title = f"Execution {found.execution.id} of {found.execution.deployment}"
    drawn = draw_execution(found.graph, title, alone=True)
    return Response(drawn, headers=_GRAPH_HEADERS, media_type=svg.MEDIA_TYPE)

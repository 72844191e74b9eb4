"""The calls that clients of CrewAI's hosted platform make, of one deployment."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from orchestrator.api.common.access import CrewManager, CrewResponder, CrewViewer
from orchestrator.api.common.json_response import JsonResponse, written_as_it_goes
from orchestrator.api.common.openapi import BODY, body_of, documented, documented_as
from orchestrator.api.common.request_body import KeyHeader, RawBody, key_of, parse_json
from orchestrator.api.common.responses import KickedOff, NeededInputs, Resumed, Status, Stopped
from orchestrator.api.platform.status import status_body
from orchestrator.usecases.executions.kickoff import Kickoff, kickoff
from orchestrator.usecases.executions.snapshot import snapshot
from orchestrator.usecases.executions.stop import stop
from orchestrator.usecases.operations.manifests import plan_of
from orchestrator.usecases.reviews.answer import answer
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.wire.ids import Id
from orchestrator.wire.misspelt import with_warnings
from orchestrator.wire.requests import KickoffBody, ResumeBody, parse

calls = APIRouter()


@calls.get(
    "/",
    response_class=PlainTextResponse,
    responses=documented_as("text/plain", 404),
    summary="Say that the deployment is there",
)
def healthy(_caller: CrewViewer) -> PlainTextResponse:
    """The text ``Healthy``."""
    return PlainTextResponse("Healthy")


@calls.get(
    "/inputs",
    responses=documented(NeededInputs, 404),
    summary="The names of the inputs that kickoff takes",
)
def inputs(caller: CrewViewer) -> JsonResponse:
    """A crew needs all of them, a flow none."""
    return JsonResponse({"inputs": list(plan_of(caller.ports, caller.deployment).inputs)})


@calls.post(
    "/kickoff",
    responses=documented(KickedOff, 404, *BODY),
    openapi_extra=body_of(KickoffBody),
    summary="Start an execution",
)
def kick_off(caller: CrewManager, raw: RawBody, key: KeyHeader = None) -> JsonResponse:
    """Answers as soon as the execution is safely stored; ``warnings`` name misspelt keys."""
    body = parse_json(raw)
    asked = Kickoff(
        deployment=caller.deployment,
        body=parse(KickoffBody, body),
        actor=caller.actor,
        origin=caller.channel,
        key=key_of(key, "kickoff", body),
        identity=caller.caller.own,
    )
    return JsonResponse(with_warnings(kickoff(caller.ports, asked), KickoffBody, body))


@calls.get("/{kickoff_id}/status", include_in_schema=False)
@calls.get(
    "/status/{kickoff_id}",
    responses=documented(Status, 404),
    summary="How an execution stands",
)
def status(caller: CrewViewer, kickoff_id: Id) -> Response:
    """Keys that have no value yet are left out."""
    found = snapshot(caller.ports, kickoff_id, caller.scope)
    form = caller.ports.deployments.get(caller.deployment).status_form
    return written_as_it_goes(status_body(found, form))


@calls.post(
    "/resume",
    responses=documented(Resumed, 404, 409, *BODY),
    openapi_extra=body_of(ResumeBody),
    summary="Answer a review",
)
def resume(caller: CrewResponder, raw: RawBody, key: KeyHeader = None) -> JsonResponse:
    """One decision per review: whoever comes later is told who won."""
    body = parse_json(raw)
    given = Answer(
        deployment=caller.deployment,
        body=parse(ResumeBody, body),
        actor=caller.actor,
        channel=caller.channel,
        key=key_of(key, "resume", body),
        identity=caller.caller.own,
    )
    return JsonResponse(with_warnings(answer(caller.ports, given), ResumeBody, body))


@calls.post(
    "/stop/{kickoff_id}",
    responses=documented(Stopped, 400, 404),
    summary="Stop an execution for good",
)
def stop_execution(caller: CrewManager, kickoff_id: Id) -> JsonResponse:
    """What its workers still give is refused."""
    stopped = stop(caller.ports, caller.scope, kickoff_id, caller.actor)
    return JsonResponse({"status": "stopped", "kickoffId": stopped.id})

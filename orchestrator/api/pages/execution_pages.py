"""Executions for operators: find them, look at one, stop it, have it go on."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from orchestrator.api.common.access import World
from orchestrator.api.common.paging import position_of
from orchestrator.api.common.request_body import RawBody
from orchestrator.api.drawing.execution_graph import draw_execution, took
from orchestrator.api.pages.answer_form import fields_of
from orchestrator.api.pages.frame import framed
from orchestrator.api.pages.listing import (
    PAGE,
    Cell,
    Filter,
    Line,
    List,
    cells,
    listing,
    page_of,
    text,
)
from orchestrator.api.pages.page_route import PageRoute, see_other
from orchestrator.api.pages.rows import decision
from orchestrator.api.pages.signed_in import Signed, SignedIn, require_own_origin
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.permission import Permission, Scope
from orchestrator.domain.review import Review
from orchestrator.domain.timeline import Entry
from orchestrator.errors import Invalid, Unreadable
from orchestrator.ports import ExecutionFilter, Ports
from orchestrator.usecases.executions.checkpoints import ListedCheckpoint, list_checkpoints
from orchestrator.usecases.executions.find import list_executions
from orchestrator.usecases.executions.retry import retry_execution
from orchestrator.usecases.executions.snapshot import Snapshot, history
from orchestrator.usecases.executions.stop import stop
from orchestrator.wire.ids import Id, is_id
from orchestrator.wire.moment import iso
from orchestrator.wire.paths import INBOX, REVIEW_PAGES
from orchestrator.wire.shown import moment, plain

EXECUTIONS = f"{INBOX}/executions"

execution_pages = APIRouter(prefix=EXECUTIONS, include_in_schema=False, route_class=PageRoute)

ExecutionId = Annotated[Id, Path(max_length=100)]
Narrowed = Annotated[str, Query(max_length=200)]
Cursor = Annotated[str, Query(max_length=500)]
_OWN_ORIGIN = [Depends(require_own_origin)]

_LONGEST_TEXT = 20_000
_NEWEST_ENTRIES = 500


@execution_pages.get("")
def show_all(
    ports: World,
    signed: Signed,
    deployment: Narrowed = "",
    state: Narrowed = "",
    text: Narrowed = "",
    cursor: Cursor = "",
) -> Response:
    """The newest first; a text that is an id leads to that execution."""
    if is_id(text.strip()):
        return see_other(f"{EXECUTIONS}/{text.strip().lower()}")
    names = signed.narrowed(deployment).names
    wanted = ExecutionFilter(names, _state(state), meta=text or None)
    found, more = page_of(list_executions(ports, wanted, position_of(cursor or None), PAGE + 1))
    choices = (
        of_deployment(ports, signed, deployment),
        Filter("state", "State", state, [each.value for each in ExecutionState]),
        Filter("text", "Id, or text in meta", text),
    )
    columns = ("Execution", "Deployment", "State", "Kicked off", "Error")
    lines = [_line(each) for each in found]
    return listing(ports, signed, List("executions", "Executions", columns, lines, choices, more))


def _state(text: str) -> ExecutionState | None:
    """Raises Invalid."""
    try:
        return ExecutionState(text) if text else None
    except ValueError:
        raise Invalid("There is no such state.") from None


def _line(execution: Execution) -> Line:
    name = Cell(execution.id, f"{EXECUTIONS}/{execution.id}")
    at = moment(iso(execution.created_at))
    return Line(cells(name, execution.deployment, execution.state.value, at, execution.error))


@execution_pages.get("/{execution_id}")
def show(ports: World, signed: Signed, execution_id: ExecutionId) -> Response:
    """One with its picture, its reviews, what happened to it and where it may go on from."""
    scope = signed.visitor.scope
    snapshot, entries = history(ports, execution_id, scope)
    execution = snapshot.execution
    return framed(
        "execution.html",
        ports,
        signed,
        here="executions",
        id=execution.id,
        deployment=text(execution.deployment),
        state=execution.state.value,
        facts=_facts(snapshot),
        graph=draw_execution(snapshot.graph, f"Execution {execution.id}"),
        error=text(execution.error) if execution.error else None,
        result=plain(snapshot.result.raw, _LONGEST_TEXT) if snapshot.result else None,
        inputs=_json(execution.inputs),
        reviews=[_review(each) for each in snapshot.reviews],
        entries=[_entry(each) for each in entries[-_NEWEST_ENTRIES:]],
        left_out=max(0, len(entries) - _NEWEST_ENTRIES),
        checkpoints=_checkpoints(ports, execution_id, scope),
        may_manage=signed.visitor.may(Permission.MANAGE, execution.deployment),
        may_stop=execution.is_open,
        may_retry=execution.state is ExecutionState.FAILED and execution.purged_at is None,
    )


def _facts(snapshot: Snapshot) -> dict[str, str]:
    execution = snapshot.execution
    begun, ended = execution.started_at, execution.finished_at
    facts = {
        "Kicked off": f"{moment(iso(execution.created_at))} by {text(execution.actor)}",
        "Ended": moment(iso(ended)) if ended else None,
        "Took": took((ended - begun).total_seconds()) if begun and ended else None,
        "Now at": text(snapshot.current_task) if snapshot.current_task else None,
        "Tokens": ", ".join(f"{name}: {count}" for name, count in snapshot.usage.items()),
        "Forked from": execution.forked_from,
    }
    return {name: value for name, value in facts.items() if value}


def _review(review: Review) -> dict[str, Any]:
    return {
        "href": f"{REVIEW_PAGES}/{review.id}",
        "task_name": text(review.task_name),
        "round": review.round,
        "decision": "waits" if review.is_open else decision(review),
    }


def _entry(entry: Entry) -> tuple[Cell, ...]:
    why = entry.details.get("error") or entry.details.get("feedback") or entry.details.get("note")
    return cells(moment(iso(entry.at)), entry.event, entry.task_name, entry.round, entry.actor, why)


def _checkpoints(ports: Ports, execution_id: str, scope: Scope) -> list[tuple[Cell, ...]]:
    try:
        found = list_checkpoints(ports, execution_id, scope)
    except Unreadable:
        return []
    return [_checkpoint(each) for each in found]


def _checkpoint(listed: ListedCheckpoint) -> tuple[Cell, ...]:
    found = listed.checkpoint
    stands = "" if listed.stands else "superseded"
    at = moment(iso(found.created_at))
    return cells(found.number, found.cause.value, found.name or found.path, at, stands)


def _json(data: Any) -> str:
    return plain(json.dumps(data, indent=2, ensure_ascii=False), _LONGEST_TEXT)


@execution_pages.post("/{execution_id}/stop", dependencies=_OWN_ORIGIN)
def stop_one(ports: World, signed: Signed, execution_id: ExecutionId, raw: RawBody) -> Response:
    """For good, so that it has to be said twice."""
    fields = fields_of(raw)
    signed.require_own(fields)
    if fields.get("sure") != "yes":
        raise Invalid("Tick that you are sure: a stopped execution never goes on.")
    stop(ports, signed.to(Permission.MANAGE).scope, execution_id, signed.visitor.actor)
    return see_other(f"{EXECUTIONS}/{execution_id}")


@execution_pages.post("/{execution_id}/retry", dependencies=_OWN_ORIGIN)
def retry_one(ports: World, signed: Signed, execution_id: ExecutionId, raw: RawBody) -> Response:
    """From its last checkpoint."""
    signed.require_own(fields_of(raw))
    scope = signed.to(Permission.MANAGE).scope
    retry_execution(ports, scope, execution_id, signed.visitor.actor)
    return see_other(f"{EXECUTIONS}/{execution_id}")


def of_deployment(ports: Ports, signed: SignedIn, chosen: str) -> Filter:
    """The field that leaves one deployment."""
    visible = signed.visitor.scope
    names = [name for name in ports.deployments.names() if name in visible]
    return Filter("deployment", "Deployment", chosen, names)

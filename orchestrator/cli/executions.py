"""Executions, from the machine that the service runs on."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from orchestrator.api.v1.records import entry_record, execution_line
from orchestrator.cli.application import Data, DeploymentFile
from orchestrator.cli.printing import AsJson, print_json, print_records, print_result
from orchestrator.cli.world import CHANNEL, actor, ports_with
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.errors import Invalid
from orchestrator.ports import ExecutionFilter, Ports
from orchestrator.usecases.executions import kickoff as kicking_off
from orchestrator.usecases.executions.find import list_executions
from orchestrator.usecases.executions.retry import retry_execution
from orchestrator.usecases.executions.snapshot import Snapshot, snapshot
from orchestrator.usecases.executions.snapshot import timeline as read_timeline
from orchestrator.usecases.executions.stop import stop as stop_execution
from orchestrator.wire.requests import KickoffBody, parse
from orchestrator.wire.words import STATUS

ExecutionId = Annotated[str, typer.Argument(metavar="EXECUTION", help="The id of the execution.")]
OfDeployment = Annotated[str | None, typer.Option(help="Only those of this deployment.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many to show at most.")]

executions = typer.Typer(help="The executions.", no_args_is_help=True)


def add_to(application: typer.Typer) -> None:
    """Add these commands."""
    for command in (kickoff, status, timeline, stop, retry):
        application.command()(command)
    application.add_typer(executions, name="executions")


@executions.callback()
def _group() -> None:
    """Keep the group a group while it has one command."""


@executions.command("list")
def list_page(
    *,
    deployment: OfDeployment = None,
    state: Annotated[ExecutionState | None, typer.Option(help="Only those in this state.")] = None,
    limit: Limit = 50,
    data: Data = None,
    deployments: DeploymentFile = None,
    as_json: AsJson = False,
) -> None:
    """List executions, newest first."""
    ports = ports_with(data=data, deployments=deployments)
    found = list_executions(ports, ExecutionFilter(deployment, state), None, limit)
    columns = ("execution_id", "deployment", "state", "created_at", "error")
    print_records(map(execution_line, found), columns, as_json=as_json)


def kickoff(
    deployment: Annotated[
        str | None, typer.Argument(help="Which; the default one if absent.")
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", "-i", help="An input as NAME=TEXT; repeatable.")
    ] = None,
    inputs_json: Annotated[
        str | None, typer.Option("--inputs", help="All inputs as one JSON object.")
    ] = None,
    *,
    data: Data = None,
    deployments: DeploymentFile = None,
    as_json: AsJson = False,
) -> None:
    """Kick off an execution, and print its id."""
    ports = ports_with(data=data, deployments=deployments)
    body = parse(KickoffBody, {"inputs": _inputs(inputs or [], inputs_json)})
    name = deployment or _default(ports)
    begun = kicking_off.kickoff(ports, kicking_off.Kickoff(name, body, actor(), CHANNEL))
    print_result(begun, str(begun["kickoff_id"]), as_json=as_json)


def _default(ports: Ports) -> str:
    name = ports.deployments.default()
    if name is None:
        known = ", ".join(ports.deployments.names())
        raise Invalid(f"Name the deployment; there are several: {known}")
    return name


def status(
    execution: ExecutionId,
    data: Data = None,
    deployments: DeploymentFile = None,
    *,
    as_json: AsJson = False,  # noqa: ARG001 - accepted, as everywhere: there is no other form
) -> None:
    """Show where an execution stands, as JSON."""
    found = snapshot(ports_with(data=data, deployments=deployments), execution)
    print_json({key: value for key, value in _shown(found).items() if value not in (None, [])})


def _shown(found: Snapshot) -> dict[str, Any]:
    return {
        "kickoff_id": found.execution.id,
        "deployment": found.execution.deployment,
        "status": STATUS[found.execution.state],
        "current_task": found.current_task,
        "completed_tasks": [done.path for done in found.committed],
        "pending": [
            {
                "review_id": pending.review.id,
                "task_name": pending.review.task_name,
                "round": pending.review.round,
                "task_output": pending.output.raw,
            }
            for pending in found.pending
        ],
        "result": found.result.raw if found.result else None,
        "error": found.execution.error,
    }


def timeline(
    execution: ExecutionId,
    data: Data = None,
    deployments: DeploymentFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what happened to an execution, by whom, in order."""
    _, entries = read_timeline(ports_with(data=data, deployments=deployments), execution)
    records = [_with_reason(entry_record(entry)) for entry in entries]
    print_records(records, ("at", "event", "task_name", "round", "actor", "why"), as_json=as_json)


def _with_reason(record: dict[str, Any]) -> dict[str, Any]:
    """Bring to the fore what most often explains a line: an error, or what a person said."""
    details = record["details"]
    why = details.get("error") or details.get("feedback")
    return {**record, "why": why} if why else record


def stop(
    execution: ExecutionId,
    data: Data = None,
    deployments: DeploymentFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Stop an execution for good."""
    ports = ports_with(data=data, deployments=deployments)
    _print_turned(stop_execution(ports, None, execution, actor()), "Stopped.", as_json=as_json)


def retry(
    execution: ExecutionId,
    data: Data = None,
    deployments: DeploymentFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Have a failed execution go on from its last checkpoint."""
    ports = ports_with(data=data, deployments=deployments)
    retried = retry_execution(ports, None, execution, actor())
    _print_turned(retried, "It goes on from its last checkpoint.", as_json=as_json)


def _print_turned(execution: Execution, sentence: str, *, as_json: bool) -> None:
    print_result(execution_line(execution), sentence, as_json=as_json)


def _inputs(pairs: list[str], whole: str | None) -> dict[str, Any]:
    try:
        inputs = json.loads(whole) if whole else {}
    except ValueError as error:
        raise Invalid(f"--inputs is no JSON: {error}") from error
    if not isinstance(inputs, dict):
        raise Invalid("--inputs must be a JSON object")
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise Invalid(f"--input {pair!r} is not of the form NAME=TEXT")
        inputs[name] = text
    return inputs

"""Executions, from the machine that the service runs on."""

from __future__ import annotations

import getpass
import json
from typing import Annotated, Any

import typer

from orchestrator.cli.application import Data, DeploymentFile, settings_with
from orchestrator.errors import Invalid, NotPending
from orchestrator.ports import Ports
from orchestrator.usecases import answer as answering
from orchestrator.usecases import kickoff as kicking_off
from orchestrator.usecases.bodies import KickoffBody, ResumeBody, parse
from orchestrator.usecases.snapshot import PendingReview, snapshot
from orchestrator.usecases.stop import stop as stop_execution
from orchestrator.usecases.wire_words import STATUS
from orchestrator.wiring import make_ports

ExecutionId = Annotated[str, typer.Argument(metavar="EXECUTION", help="The id of the execution.")]


def add_to(application: typer.Typer) -> None:
    """Add these commands."""
    for command in (kickoff, resume, status, stop):
        application.command()(command)


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
    data: Data = None,
    deployments: DeploymentFile = None,
) -> None:
    """Kick off an execution, and print its id."""
    ports = _ports(data=data, deployments=deployments)
    body = parse(KickoffBody, {"inputs": _inputs(inputs or [], inputs_json)})
    name = deployment or ports.deployments.default()
    if name is None:
        known = ", ".join(ports.deployments.names())
        raise Invalid(f"Name the deployment; there are several: {known}")
    told = kicking_off.kickoff(ports, kicking_off.Kickoff(name, body, _actor(), "cli"))
    typer.echo(told["kickoff_id"])


def resume(
    execution: ExecutionId,
    task: Annotated[
        str | None, typer.Argument(help="The task or the review; not needed if one is open.")
    ] = None,
    approve: Annotated[
        bool | None, typer.Option("--approve/--reject", help="Approve, or ask for changes.")
    ] = None,
    feedback: Annotated[str, typer.Option("--feedback", "-f", help="What the person says.")] = "",
    data: Data = None,
    deployments: DeploymentFile = None,
) -> None:
    """Answer an open review, and print what follows."""
    ports = _ports(data=data, deployments=deployments)
    found = snapshot(ports, execution)
    body = {
        "execution_id": execution,
        "task_id": task or _only_review(found.pending),
        "human_feedback": feedback,
        "is_approve": approve,
        "reviewer": getpass.getuser(),
    }
    given = answering.Answer(found.execution.deployment, parse(ResumeBody, body), _actor(), "cli")
    typer.echo(answering.answer(ports, given)["message"])


def status(execution: ExecutionId, data: Data = None, deployments: DeploymentFile = None) -> None:
    """Show where an execution stands, as JSON."""
    found = snapshot(_ports(data=data, deployments=deployments), execution)
    told: dict[str, Any] = {
        "kickoff_id": found.execution.id,
        "deployment": found.execution.deployment,
        "status": STATUS[found.execution.state],
        "current_task": found.current_task,
        "completed_tasks": [done.task.name for done in found.committed],
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
    present = {key: value for key, value in told.items() if value not in (None, [])}
    typer.echo(json.dumps(present, indent=2, ensure_ascii=False))


def stop(execution: ExecutionId, data: Data = None, deployments: DeploymentFile = None) -> None:
    """Stop an execution for good."""
    ports = _ports(data=data, deployments=deployments)
    stop_execution(ports, None, execution, _actor())
    typer.echo("Stopped.")


def _ports(**given: object) -> Ports:
    return make_ports(settings_with(**given))


def _actor() -> str:
    return f"cli:{getpass.getuser()}"


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


def _only_review(pending: tuple[PendingReview, ...]) -> str | None:
    if len(pending) > 1:
        names = ", ".join(each.review.task_name for each in pending)
        raise Invalid(f"Several reviews are open; name the task: {names}")
    if not pending:
        raise NotPending
    return pending[0].review.id

"""Executions: kick off, look, stop, retry."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.completion import deployment_names, execution_ids
from orchestrator.cli.connection import on_service
from orchestrator.cli.printing import AsJson, print_record, print_records, print_result
from orchestrator.domain.execution import ExecutionState
from orchestrator.errors import Invalid
from orchestrator.wire.paths import path_part

if TYPE_CHECKING:
    from orchestrator.client import Client

ExecutionId = Annotated[
    str,
    typer.Argument(
        metavar="EXECUTION", help="The id of the execution.", autocompletion=execution_ids
    ),
]
OfDeployment = Annotated[
    str | None,
    typer.Option(help="Only those of this deployment.", autocompletion=deployment_names),
]
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
@on_service
def list_page(
    service: Client,
    *,
    deployment: OfDeployment = None,
    state: Annotated[ExecutionState | None, typer.Option(help="Only those in this state.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List executions, newest first."""
    wanted = {"deployment": deployment, "state": state.value if state else None}
    found = service.listed("/v1/executions", limit, **wanted)
    columns = ("execution_id", "deployment", "state", "created_at", "error")
    print_records(found, columns, as_json=as_json)


@executions.command()
@on_service
def graph(
    service: Client,
    execution: ExecutionId,
    *,
    out: Annotated[
        Path | None, typer.Option(help="The file to write; printed if absent.", dir_okay=False)
    ] = None,
) -> None:
    """Draw an execution as an SVG picture: its tasks or methods, and how each stands."""
    drawn = service.text(f"/v1/executions/{path_part(execution)}/graph.svg")
    if out is None:
        typer.echo(drawn)
        return
    try:
        out.write_text(drawn, encoding="utf-8")
    except OSError as error:
        raise Invalid(f"{out} cannot be written: {error.strerror}") from error
    typer.echo(f"Wrote {out}.")


@on_service
def kickoff(
    service: Client,
    deployment: Annotated[
        str | None,
        typer.Argument(help="Which; the default one if absent.", autocompletion=deployment_names),
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", "-i", help="An input as NAME=TEXT; repeatable.")
    ] = None,
    inputs_json: Annotated[
        str | None, typer.Option("--inputs", help="All inputs as one JSON object.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Kick off an execution, and print its id."""
    body = {"inputs": named_inputs(inputs or [], inputs_json)}
    name = deployment or _default(service)
    begun = service.call("POST", f"/crews/{path_part(name)}/kickoff", body)
    execution_id = begun.pop("kickoff_id")  # the wire's word; commands have one for it
    print_result({"execution_id": execution_id, **begun}, str(execution_id), as_json=as_json)


def _default(service: Client) -> str:
    found = service.call("GET", "/v1/deployments")["deployments"]
    for each in found:
        if each["default"] or len(found) == 1:
            return str(each["name"])
    known = ", ".join(each["name"] for each in found)
    raise Invalid(f"Name the deployment; there are several: {known}")


@on_service
def status(service: Client, execution: ExecutionId, *, as_json: AsJson = False) -> None:
    """Show where an execution stands, and what it waits for."""
    found = read_execution(service, execution)
    shown = {
        "execution_id": found["execution_id"],
        "deployment": found["deployment"],
        "status": found["status"],
        "current_task": found.get("current_task"),
        "completed_tasks": _completed(found),
        "pending": [_pending(service, each) for each in open_reviews(found)],
        "result": found.get("result", {}).get("text"),
        "error": found.get("error"),
        "saved": found.get("saved"),
    }
    given = {name: value for name, value in shown.items() if value not in (None, [])}
    if not as_json:
        given["pending"] = "\n".join(map(_asked, given.pop("pending", [])))
    print_record(given, as_json=as_json)


def _completed(found: dict[str, Any]) -> list[str]:
    """The paths of what is final: the steps of a flow, the tasks of a crew."""
    if "steps" in found:
        return [step["path"] for step in found["steps"]]
    return [
        task["name"]
        for task in found["tasks"]
        if any(each["state"] == "COMMITTED" for each in task["rounds"])
    ]


def _pending(service: Client, review: dict[str, Any]) -> dict[str, Any]:
    whole = service.call("GET", f"/v1/reviews/{review['review_id']}")
    names = ("review_id", "task_name", "round", "kind", "message", "options", "task_output")
    return {name: whole[name] for name in names if name in whole}


def _asked(review: dict[str, Any]) -> str:
    options = f" ({', '.join(review['options'])})" if review.get("options") else ""
    return f"{review['review_id']}  {review['task_name']}, round {review['round']}{options}"


def read_execution(service: Client, execution: str) -> dict[str, Any]:
    """An execution with all that happened to it."""
    return service.call("GET", f"/v1/executions/{path_part(execution)}")


def open_reviews(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The reviews of an execution that wait for a person."""
    return [review for review in found["reviews"] if review["state"] == "PENDING"]


@on_service
def timeline(service: Client, execution: ExecutionId, *, as_json: AsJson = False) -> None:
    """Show what happened to an execution, by whom, in order."""
    found = service.call("GET", f"/v1/executions/{path_part(execution)}/timeline")
    records = [_with_reason(entry) for entry in found["timeline"]]
    print_records(records, ("at", "event", "task_name", "round", "actor", "why"), as_json=as_json)


def _with_reason(record: dict[str, Any]) -> dict[str, Any]:
    """Bring to the fore what most often explains a line: an error, or what a person said."""
    details = record["details"]
    why = details.get("error") or details.get("feedback") or details.get("note")
    return {**record, "why": why} if why else record


@on_service
def stop(service: Client, execution: ExecutionId, *, as_json: AsJson = False) -> None:
    """Stop an execution for good."""
    found = read_execution(service, execution)
    deployment = path_part(found["deployment"])
    service.call("POST", f"/crews/{deployment}/stop/{found['execution_id']}")
    stopped = read_execution(service, execution)
    print_result(_line(stopped), "Stopped.", as_json=as_json)


@on_service
def retry(service: Client, execution: ExecutionId, *, as_json: AsJson = False) -> None:
    """Have a failed execution go on where it was."""
    retried = service.call("POST", f"/v1/executions/{path_part(execution)}/retry")
    print_result(retried, "It goes on from its last checkpoint.", as_json=as_json)


def _line(found: dict[str, Any]) -> dict[str, Any]:
    """An execution as lists show it."""
    return {name: value for name, value in found.items() if not isinstance(value, list | dict)}


def named_inputs(pairs: list[str], whole: str | None = None) -> dict[str, Any]:
    """Inputs given as NAME=TEXT, laid over those that are given as one JSON object."""
    inputs = json_in("--inputs", whole) if whole else {}
    if not isinstance(inputs, dict):
        raise Invalid("--inputs must be a JSON object")
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise Invalid(f"--input {pair!r} is not of the form NAME=TEXT")
        inputs[name] = text
    return inputs


def text_in(option: str, file: str | None) -> str | None:
    """The text of the file that an option names, ``-`` for standard input. Raises Invalid."""
    if file is None:
        return None
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise Invalid(f"{option}: {error}") from error


def json_in(option: str, text: str) -> Any:
    """What an option says in JSON. Raises Invalid for what is none."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{option}: this is no JSON: {error}") from error


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")

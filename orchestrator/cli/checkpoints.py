"""Checkpoints: look at them, go back to one, begin anew from one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.connection import on_service
from orchestrator.cli.executions import ExecutionId, named_inputs, text_in
from orchestrator.cli.printing import AsJson, print_records, print_result
from orchestrator.wire.paths import path_part

if TYPE_CHECKING:
    from orchestrator.client import Client

Number = Annotated[
    int,
    typer.Argument(
        metavar="CHECKPOINT", min=0, help="The number of a checkpoint; 0 is the beginning."
    ),
]


def add_to(application: typer.Typer) -> None:
    """Add these commands."""
    for command in (checkpoints, rewind, fork):
        application.command()(command)


@on_service
def checkpoints(service: Client, execution: ExecutionId, *, as_json: AsJson = False) -> None:
    """List the points that an execution can go on from."""
    found = service.call("GET", f"/v1/executions/{path_part(execution)}/checkpoints")
    columns = ("number", "at", "cause", "path", "stands")
    print_records(found["checkpoints"], columns, as_json=as_json)


@on_service
def rewind(
    service: Client, execution: ExecutionId, checkpoint: Number, *, as_json: AsJson = False
) -> None:
    """Have an execution go on from one of its checkpoints: what came after does not stand."""
    path = f"/v1/executions/{path_part(execution)}/rewind"
    rewound = service.call("POST", path, {"checkpoint": checkpoint})
    count = len(rewound["superseded"])
    said = f"It goes on from checkpoint {checkpoint}; {count} later ones do not stand any more."
    print_result(rewound, said, as_json=as_json)


@on_service
def fork(  # noqa: PLR0913 - each is an option
    service: Client,
    execution: ExecutionId,
    checkpoint: Number,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", help="Another input, as NAME=TEXT; repeatable."),
    ] = None,
    feedback: Annotated[
        str | None, typer.Option("--feedback", help="What the tasks to come are told.")
    ] = None,
    edited_output: Annotated[
        str | None,
        typer.Option(
            "--edited-output",
            metavar="FILE",
            help="A file whose text stands in the place of the checkpoint's output; "
            "- reads standard input.",
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Begin a new execution with a checkpoint of this one, and print its id."""
    body: dict[str, Any] = {"checkpoint": checkpoint}
    if inputs:
        body["inputs"] = named_inputs(inputs)
    if feedback is not None:
        body["human_feedback"] = feedback
    if edited_output is not None:
        body["edited_output"] = text_in("--edited-output", edited_output)
    forked = service.call("POST", f"/v1/executions/{path_part(execution)}/fork", body)
    print_result(forked, str(forked["execution_id"]), as_json=as_json)

"""The reviews that wait for a person, from the machine that the service runs on."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from orchestrator.api.v1.records import pending_record, review_record
from orchestrator.cli.application import Data, DeploymentFile
from orchestrator.cli.executions import ExecutionId, Limit, OfDeployment
from orchestrator.cli.printing import AsJson, print_json, print_records, print_result
from orchestrator.cli.world import CHANNEL, actor, ports_with
from orchestrator.domain.canonical import JsonObject
from orchestrator.errors import Invalid, NotPending
from orchestrator.ports import Ports
from orchestrator.usecases.executions.snapshot import PendingReview, snapshot
from orchestrator.usecases.reviews.answer import answer as take_answer
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.usecases.reviews.find import find_review, list_pending, reviewed_output
from orchestrator.wire.requests import ResumeBody, parse

reviews = typer.Typer(help="What waits for a person.", no_args_is_help=True)

ReviewId = Annotated[str, typer.Argument(metavar="REVIEW", help="The id of the review.")]
Approve = Annotated[
    bool | None, typer.Option("--approve/--reject", help="Approve, or ask for changes.")
]
Outcome = Annotated[
    str | None, typer.Option("--outcome", help="Choose this one of the options of a review.")
]
Words = Annotated[str, typer.Option("--feedback", "-f", help="What the person says.")]
Edited = Annotated[
    str | None, typer.Option("--edited-output", help="Approve this text instead of the model's.")
]


def add_to(application: typer.Typer) -> None:
    """Add these commands."""
    application.command()(resume)
    application.add_typer(reviews, name="reviews")


@reviews.command("list")
def list_open(
    *,
    deployment: OfDeployment = None,
    limit: Limit = 50,
    data: Data = None,
    deployments: DeploymentFile = None,
    as_json: AsJson = False,
) -> None:
    """List the open reviews, oldest first."""
    ports = ports_with(data=data, deployments=deployments)
    found = map(pending_record, list_pending(ports, deployment, None, limit))
    columns = ("review_id", "deployment", "task_name", "round", "created_at", "expires_at")
    print_records(found, columns, as_json=as_json)


@reviews.command()
def show(
    review: ReviewId,
    data: Data = None,
    deployments: DeploymentFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show a review: the text that is judged, or how it was judged."""
    ports = ports_with(data=data, deployments=deployments)
    found = find_review(ports, review, None)
    record = {**review_record(found), "task_output": reviewed_output(ports, found).raw}
    if as_json:
        print_json(record)
        return
    for name, value in record.items():
        typer.echo(f"{name}: {value}")


@reviews.command()
def answer(  # noqa: PLR0913 - a parameter is an option
    review: ReviewId,
    *,
    approve: Approve = None,
    outcome: Outcome = None,
    feedback: Words = "",
    edited_output: Edited = None,
    data: Data = None,
    deployments: DeploymentFile = None,
    as_json: AsJson = False,
) -> None:
    """Answer a review, and print what follows."""
    ports = ports_with(data=data, deployments=deployments)
    found = find_review(ports, review, None)
    body = {
        "execution_id": found.execution_id,
        "review_id": found.id,
        "human_feedback": feedback,
        "is_approve": approve,
        "outcome": outcome,
        "edited_output": edited_output,
    }
    answered = _answer(ports, found.deployment, body)
    print_result(answered, str(answered["message"]), as_json=as_json)


def resume(  # noqa: PLR0913 - a parameter is an option
    execution: ExecutionId,
    task: Annotated[
        str | None, typer.Argument(help="The task or the review; not needed if one is open.")
    ] = None,
    *,
    approve: Approve = None,
    outcome: Outcome = None,
    feedback: Words = "",
    data: Data = None,
    deployments: DeploymentFile = None,
    as_json: AsJson = False,
) -> None:
    """Answer an open review of an execution, and print what follows."""
    ports = ports_with(data=data, deployments=deployments)
    found = snapshot(ports, execution)
    body = {
        "execution_id": execution,
        "task_id": task or _only_review(found.pending),
        "human_feedback": feedback,
        "is_approve": approve,
        "outcome": outcome,
    }
    answered = _answer(ports, found.execution.deployment, body)
    print_result(answered, str(answered["message"]), as_json=as_json)


def _answer(ports: Ports, deployment: str, body: JsonObject) -> JsonObject:
    said = parse(ResumeBody, {**body, "reviewer": getpass.getuser()})
    return take_answer(ports, Answer(deployment, said, actor(), CHANNEL))


def _only_review(pending: tuple[PendingReview, ...]) -> str:
    if len(pending) > 1:
        names = ", ".join(each.review.task_name for each in pending)
        raise Invalid(f"Several reviews are open; name the task: {names}")
    if not pending:
        raise NotPending
    return pending[0].review.id

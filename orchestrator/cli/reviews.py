"""The reviews that wait for a person: look at them, answer them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.completion import review_ids
from orchestrator.cli.connection import on_service
from orchestrator.cli.executions import (
    ExecutionId,
    Limit,
    OfDeployment,
    json_in,
    open_reviews,
    read_execution,
    text_in,
)
from orchestrator.cli.printing import AsJson, print_json, print_record, print_records, print_result
from orchestrator.cli.world import user_name
from orchestrator.domain.canonical import Json
from orchestrator.errors import Invalid, NotPending
from orchestrator.wire.paths import path_part

if TYPE_CHECKING:
    from orchestrator.client import Client

reviews = typer.Typer(help="What waits for a person.", no_args_is_help=True)

ReviewId = Annotated[
    str,
    typer.Argument(metavar="REVIEW", help="The id of the review.", autocompletion=review_ids),
]
Approve = Annotated[
    bool | None, typer.Option("--approve/--reject", help="Approve, or ask for changes.")
]
Outcome = Annotated[
    str | None, typer.Option("--outcome", help="Choose this one of the options of a review.")
]
Words = Annotated[
    str | None, typer.Option("--feedback", "-f", help="What the person says: next tasks read it.")
]
ReworkFrom = Annotated[
    str | None,
    typer.Option(
        "--rework-from",
        metavar="TASK",
        help="With --reject: send the work back to this earlier task, with the feedback.",
    ),
]
Scope = Annotated[
    str | None,
    typer.Option(
        "--scope",
        metavar="SCOPE",
        help="How far the feedback reaches: onward (the task and all later ones) or retry.",
    ),
]
ForTasks = Annotated[
    list[str] | None,
    typer.Option(
        "--for", metavar="TASK", help="Only this task reads the feedback; may be said repeatedly."
    ),
]
Edited = Annotated[
    str | None,
    typer.Option(
        "--edited-output",
        metavar="FILE",
        help="Approve the text in this file instead of the model's; - reads standard input.",
    ),
]
TypedAnswer = Annotated[
    str | None,
    typer.Option(
        "--answer",
        metavar="JSON|@FILE",
        help="Answer with data, where the review has an answer_schema (reviews show --json); "
        "@FILE reads a file, @- standard input.",
    ),
]
Edit = Annotated[
    bool, typer.Option("--edit", help="Edit the text in $EDITOR, and approve what you saved.")
]


def add_to(application: typer.Typer) -> None:
    """Add these commands."""
    application.command()(resume)
    application.add_typer(reviews, name="reviews")


@reviews.command("list")
@on_service
def list_open(
    service: Client,
    *,
    deployment: OfDeployment = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List the open reviews, oldest first."""
    found = service.listed("/v1/reviews", limit, deployment=deployment)
    columns = ("review_id", "execution_id", "deployment", "task_name", "round", "created_at")
    print_records(found, (*columns, "expires_at"), as_json=as_json)


@reviews.command()
@on_service
def analytics(
    service: Client,
    *,
    deployment: OfDeployment = None,
    since: Annotated[
        str | None, typer.Option(help="The first day, in UTC; by default 30 in all.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="The last day, in UTC; today if absent.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how long answers took, by task; with --json all figures of closed reviews."""
    wanted = {"deployment": deployment, "since": since, "until": until}
    found = service.call("GET", "/v1/analytics", **wanted)
    if as_json:
        print_json(found)
        return
    columns = ("deployment", "task_name", "reviews", "median_seconds", "p90_seconds")
    print_records(found["by_task"], columns, as_json=False)


@reviews.command()
@on_service
def show(service: Client, review: ReviewId, *, as_json: AsJson = False) -> None:
    """Show a review, and the rounds before it.

    With the text that is judged, and what was said of the earlier ones.
    """
    found = _read(service, review)
    earlier = list(_earlier_rounds(service, found))
    if as_json:
        print_json({**found, "earlier_rounds": earlier})
        return
    for each in earlier:
        print_record(each, as_json=False)
        typer.echo()
    print_record(found, as_json=False)


def _read(service: Client, review: str) -> dict[str, Any]:
    return service.call("GET", f"/v1/reviews/{path_part(review)}")


def _earlier_rounds(service: Client, review: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The reviews of the same task before this one, with their texts."""
    for each in read_execution(service, review["execution_id"])["reviews"]:
        same = each["task_name"] == review["task_name"] and each["round"] < review["round"]
        if same:
            whole = _read(service, each["review_id"])
            names = ("round", "task_output", "approved", "outcome", "feedback", "actor")
            yield {name: whole[name] for name in names if name in whole}


@reviews.command()
@on_service
def answer(  # noqa: PLR0913 - a parameter is an option
    service: Client,
    review: ReviewId,
    *,
    approve: Approve = None,
    outcome: Outcome = None,
    feedback: Words = None,
    rework_from: ReworkFrom = None,
    scope: Scope = None,
    for_tasks: ForTasks = None,
    edited_output: Edited = None,
    edit: Edit = False,
    typed: TypedAnswer = None,
    as_json: AsJson = False,
) -> None:
    """Answer a review, and print what follows."""
    if [edit, edited_output is not None, typed is not None].count(True) > 1:
        raise Invalid("Give one of --answer, --edited-output and --edit.")
    data = None if typed is None else _data_in(typed)
    found = _read(service, review)
    text = _edited(found["task_output"]) if edit else text_in("--edited-output", edited_output)
    body = {
        "human_feedback": feedback,
        "is_approve": approve,
        "outcome": outcome,
        "rework_from": rework_from,
        "feedback_scope": _scope(scope, for_tasks),
        "edited_output": text,
        "answer": data,
        "output_digest": found["output_digest"],
    }
    _answer(service, found["review_id"], body, as_json=as_json)


def _scope(scope: str | None, for_tasks: list[str] | None) -> str | list[str] | None:
    if scope is not None and for_tasks:
        raise Invalid("Give --scope or --for, not both.")
    return for_tasks or scope


def _data_in(said: str) -> Json:
    """The data of a typed answer, themselves or in the file that is named. Raises Invalid.

    Whether they fit is the service's to say.
    """
    text = text_in("--answer", said[1:]) if said.startswith("@") else said
    data: Json = json_in("--answer", text or "")
    if data is None:
        raise Invalid("--answer: null answers nothing.")
    return data


def _edited(text: str) -> str:
    """What a person made of it in their editor. Raises Invalid where they saved nothing."""
    import click

    if not sys.stdin.isatty():
        raise Invalid("--edit needs a terminal; --edited-output takes a file.")
    try:
        edited = click.edit(text, require_save=True, extension=".md")
    except click.ClickException as error:
        raise Invalid(f"The editor could not be used: {error.message}") from error
    if edited is None:
        raise Invalid("Nothing was saved, so nothing was answered.")
    return edited.rstrip("\n")


@on_service
def resume(  # noqa: PLR0913 - a parameter is an option
    service: Client,
    execution: ExecutionId,
    task: Annotated[
        str | None, typer.Argument(help="The task or the review; not needed if one is open.")
    ] = None,
    *,
    approve: Approve = None,
    outcome: Outcome = None,
    feedback: Words = None,
    rework_from: ReworkFrom = None,
    scope: Scope = None,
    for_tasks: ForTasks = None,
    as_json: AsJson = False,
) -> None:
    """Answer an open review of an execution."""
    review = _meant(service, execution, task)
    body = {
        "human_feedback": feedback,
        "is_approve": approve,
        "outcome": outcome,
        "rework_from": rework_from,
        "feedback_scope": _scope(scope, for_tasks),
    }
    _answer(service, review, body, as_json=as_json)


def _meant(service: Client, execution: str, task: str | None) -> str:
    """The id of the one open review that is meant. Raises Invalid, NotPending."""
    found = open_reviews(read_execution(service, execution))
    meant = [each for each in found if task in (None, each["task_name"], each["review_id"])]
    if len(meant) > 1:
        names = ", ".join(each["task_name"] for each in meant)
        raise Invalid(f"Several reviews are open; name the task: {names}")
    if meant:
        return str(meant[0]["review_id"])
    if task is None or not found:
        raise NotPending
    names = ", ".join(each["task_name"] for each in found)
    raise Invalid(f"No review of {task!r} is open; these are: {names}")


def _answer(service: Client, review: str, body: dict[str, Any], *, as_json: bool) -> None:
    said = {name: value for name, value in body.items() if value is not None}
    if not said.keys() - {"output_digest", "rework_from", "feedback_scope"}:
        raise Invalid(
            "Say --approve, --reject, --outcome, --answer, --edited-output or --feedback."
        )
    said["reviewer"] = user_name()
    answered = service.call("POST", f"/v1/reviews/{review}/answer", said)
    print_result(answered, str(answered["message"]), as_json=as_json)
    for warning in answered.get("warnings", ()):
        typer.echo(f"WARNING: {warning}", err=True)

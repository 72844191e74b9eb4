"""Who decides in a review, from the command line; and who is away."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.connection import on_service
from orchestrator.cli.executions import OfDeployment
from orchestrator.cli.printing import AsJson, print_records, print_result
from orchestrator.cli.reviews import ReviewId, reviews
from orchestrator.errors import Invalid
from orchestrator.wire.paths import path_part

if TYPE_CHECKING:
    from orchestrator.client import Client

absences = typer.Typer(help="Who is away, and who is asked instead.", no_args_is_help=True)

Person = Annotated[
    str | None,
    typer.Option("--as", metavar="ADDRESS", help="Whose doing it is; a person's token says so."),
]
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="A person's mail address.")]
Until = Annotated[
    datetime,
    typer.Option(
        "--until",
        formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z", "%Y-%m-%d"],
        help="A day, or a time such as 2026-12-24T18:00+01:00; a day begins in UTC.",
    ),
]


def add_to(application: typer.Typer) -> None:
    """Add these commands; those about one review stand beside the others of reviews."""
    application.add_typer(absences, name="absences")


@reviews.command()
@on_service
def claim(
    service: Client, review: ReviewId, *, person: Person = None, as_json: AsJson = False
) -> None:
    """Claim a review: nobody else decides until you give it back, or your time is up."""
    _do(service, review, "claim", {"person": person}, "Claimed.", as_json=as_json)


@reviews.command()
@on_service
def release(
    service: Client, review: ReviewId, *, person: Person = None, as_json: AsJson = False
) -> None:
    """Give a claimed review back; without a person, take it from whoever has it."""
    _do(service, review, "release", {"person": person}, "Given back.", as_json=as_json)


@reviews.command()
@on_service
def delegate(
    service: Client,
    review: ReviewId,
    to: Address,
    *,
    person: Person = None,
    as_json: AsJson = False,
) -> None:
    """Hand a review on to somebody else."""
    body = {"person": person, "to": to}
    _do(service, review, "delegate", body, f"Handed on to {to}.", as_json=as_json)


@reviews.command()
@on_service
def snooze(
    service: Client,
    review: ReviewId,
    until: Until,
    *,
    person: Person = None,
    as_json: AsJson = False,
) -> None:
    """Be reminded of a review at that time, and not before. No deadline moves."""
    body = {"person": person, "until": _moment(until)}
    _do(service, review, "snooze", body, f"Put off until {body['until']}.", as_json=as_json)


@reviews.command()
@on_service
def reassign(service: Client, review: ReviewId, to: list[str], *, as_json: AsJson = False) -> None:
    """Have these people asked, and nobody who was."""
    _do(service, review, "reassign", {"to": to}, f"{', '.join(to)} are asked.", as_json=as_json)


@reviews.command()
@on_service
def withdraw(
    service: Client,
    review: ReviewId,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    as_json: AsJson = False,
) -> None:
    """Take a question back: the execution fails, and a retry asks anew."""
    _do(service, review, "withdraw", {"reason": reason}, "Withdrawn.", as_json=as_json)


@reviews.command("take-back")
@on_service
def take_back(
    service: Client, review: ReviewId, *, person: Person = None, as_json: AsJson = False
) -> None:
    """Take the words of an answer back, before a task reads them. The decision stays."""
    _do(service, review, "take-back", {"person": person}, "Taken back.", as_json=as_json)


@reviews.command()
@on_service
def reroute(
    service: Client,
    review: Annotated[
        str | None, typer.Argument(metavar="REVIEW", help="One review; without it, all open ones.")
    ] = None,
    *,
    deployment: OfDeployment = None,
    as_json: AsJson = False,
) -> None:
    """Have open reviews follow the policy as it is in the deployments' file now."""
    if review is not None and deployment is not None:
        raise Invalid("Name a review or a deployment, not both.")
    every = service.listed("/v1/reviews", 1_000_000, deployment=deployment)
    ids = [review] if review is not None else [str(each["review_id"]) for each in every]
    for each in ids:
        service.call("POST", f"/v1/reviews/{path_part(each)}/reroute")
    print_result({"rerouted": ids}, f"{len(ids)} reviews follow the policy.", as_json=as_json)


def _do(
    service: Client, review: str, what: str, body: dict[str, Any], said: str, *, as_json: bool
) -> None:
    given = {name: value for name, value in body.items() if value is not None}
    done = service.call("POST", f"/v1/reviews/{path_part(review)}/{what}", given)
    print_result(done, said, as_json=as_json)


def _moment(given: datetime) -> str:
    return given.isoformat() if given.tzinfo else f"{given.isoformat()}+00:00"


@absences.command("list")
@on_service
def list_all(service: Client, *, as_json: AsJson = False) -> None:
    """List who is away."""
    found = service.call("GET", "/v1/absences")["absences"]
    print_records(found, ("address", "until", "to"), as_json=as_json)


@absences.command()
@on_service
def begin(
    service: Client,
    address: Address,
    until: Until,
    *,
    to: Annotated[
        str | None, typer.Option("--to", metavar="ADDRESS", help="Who is asked instead.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say that a person is away: what is asked from now on goes to somebody else, or nobody."""
    body = {"until": _moment(until), **({"to": to} if to else {})}
    done = service.call("PUT", f"/v1/absences/{path_part(address)}", body)
    print_result(done, f"{address} is away until {body['until']}.", as_json=as_json)


@absences.command()
@on_service
def end(service: Client, address: Address, *, as_json: AsJson = False) -> None:
    """Say that a person is back."""
    done = service.call("DELETE", f"/v1/absences/{path_part(address)}")
    print_result(done, f"{address} is asked again.", as_json=as_json)

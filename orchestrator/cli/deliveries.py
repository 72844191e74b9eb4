"""Deliveries and endpoints, from the machine that the service runs on."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestrator.cli.application import Data, DeploymentFile, settings_with
from orchestrator.domain.delivery import Delivery, DeliveryState
from orchestrator.domain.endpoint import OLD_SECRETS_LIVE
from orchestrator.errors import Invalid
from orchestrator.ports import DeliveryFilter, Ports
from orchestrator.usecases.webhooks import endpoints as seeing_to
from orchestrator.usecases.webhooks.deliveries import (
    list_deliveries,
    read_delivery,
    replay_deliveries,
    replay_delivery,
)
from orchestrator.wiring import make_ports

deliveries = typer.Typer(help="Webhooks: what arrived, what did not and why.", no_args_is_help=True)
endpoints = typer.Typer(help="Receivers of webhooks, and how they do.", no_args_is_help=True)

console = Console()

DeliveryId = Annotated[str, typer.Argument(metavar="DELIVERY", help="The id: its webhook-id.")]
EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT", help="The id of the endpoint.")]
Deployment = Annotated[str | None, typer.Option(help="Only those of this deployment.")]
Execution = Annotated[str | None, typer.Option(help="Only those of this execution.")]
AtEndpoint = Annotated[str | None, typer.Option("--endpoint", help="Only those for this endpoint.")]
State = Annotated[DeliveryState | None, typer.Option(help="Only those in this state.")]
Limit = Annotated[int, typer.Option(min=1, help="How many to show at most.")]
Time = Annotated[datetime | None, typer.Option(help="A time in UTC, such as 2026-11-22T12:00:00.")]


@deliveries.command("list")
def list_some(  # noqa: PLR0913 - one parameter for each option
    *,
    deployment: Deployment = None,
    execution: Execution = None,
    endpoint: AtEndpoint = None,
    state: State = None,
    limit: Limit = 50,
    data: Data = None,
    deployments: DeploymentFile = None,
) -> None:
    """List deliveries, newest first."""
    ports = _ports(data=data, deployments=deployments)
    wanted = DeliveryFilter(deployment, execution, endpoint, state)
    _print(
        ("delivery", "kind", "state", "tries", "made", "reason"),
        (
            (
                one.id,
                one.kind,
                one.state,
                str(one.attempts),
                _time(one.created_at),
                one.reason or "",
            )
            for one in list_deliveries(ports, wanted, None, limit)
        ),
    )


@deliveries.command()
def show(delivery: DeliveryId, data: Data = None, deployments: DeploymentFile = None) -> None:
    """Show a delivery with all its tries."""
    found, tries = read_delivery(_ports(data=data, deployments=deployments), delivery)
    for line in _described(found):
        typer.echo(line)
    _print(
        ("try", "at", "status", "seconds", "error or answer"),
        (
            (
                str(one.number),
                _time(one.at),
                str(one.status or "-"),
                f"{one.seconds:.3f}",
                one.error or one.answer[:60],
            )
            for one in tries
        ),
    )


def _described(found: Delivery) -> list[str]:
    told = {
        "delivery": found.id,
        "execution": f"{found.execution_id} ({found.deployment})",
        "endpoint": found.endpoint_id,
        "event": f"{found.kind}, number {found.sequence}",
        "state": found.state.value,
        "reason": found.reason,
        "due": None if found.finished_at else _time(found.due_at),
    }
    return [f"{name:<10} {value}" for name, value in told.items() if value]


@deliveries.command()
def replay(  # noqa: PLR0913 - one parameter for each option
    delivery: Annotated[str | None, typer.Argument(help="One delivery; or give options.")] = None,
    *,
    deployment: Deployment = None,
    execution: Execution = None,
    endpoint: AtEndpoint = None,
    state: State = None,
    since: Time = None,
    until: Time = None,
    data: Data = None,
    deployments: DeploymentFile = None,
) -> None:
    """Send again what has ended, under the same id. Without --state: what did not arrive."""
    ports = _ports(data=data, deployments=deployments)
    if delivery is not None:
        replay_delivery(ports, delivery, _actor())
        typer.echo("Replayed.")
        return
    wanted = DeliveryFilter(deployment, execution, endpoint, state, _utc(since), _utc(until))
    if wanted == DeliveryFilter():
        raise Invalid("Name a delivery, or say with options which are meant.")
    typer.echo(f"Replayed {replay_deliveries(ports, wanted, _actor())}.")


@endpoints.command("list")
def list_endpoints(
    deployment: Deployment = None,
    limit: Limit = 50,
    data: Data = None,
    deployments: DeploymentFile = None,
) -> None:
    """List endpoints, newest first, with how they do."""
    ports = _ports(data=data, deployments=deployments)
    reports = seeing_to.list_endpoints(ports, deployment, None, limit)
    _print(
        ("endpoint", "deployment", "state", "waiting", "failing since", "last"),
        (
            (
                each.id,
                each.endpoint.deployment,
                each.endpoint.state,
                str(each.waiting),
                _time(each.endpoint.health.failing_since),
                each.endpoint.trouble
                or each.endpoint.health.last_error
                or str(each.endpoint.health.last_status or ""),
            )
            for each in reports
        ),
    )


@endpoints.command()
def enable(endpoint: EndpointId, data: Data = None, deployments: DeploymentFile = None) -> None:
    """Send there again."""
    seeing_to.enable_endpoint(_ports(data=data, deployments=deployments), endpoint, _actor())
    typer.echo("Enabled.")


@endpoints.command()
def disable(
    endpoint: EndpointId,
    reason: Annotated[str, typer.Option(help="Why; whoever looks will read it.")] = "",
    data: Data = None,
    deployments: DeploymentFile = None,
) -> None:
    """Send nothing there any more; what waits there is cancelled."""
    ports = _ports(data=data, deployments=deployments)
    seeing_to.disable_endpoint(ports, endpoint, _actor(), reason)
    typer.echo("Disabled.")


@endpoints.command()
def rotate(
    endpoint: Annotated[str | None, typer.Argument(help="The id of the endpoint.")] = None,
    deployment: Annotated[
        str | None, typer.Option(help="Make one for all endpoints of this deployment instead.")
    ] = None,
    keep_old: Annotated[
        int, typer.Option(min=0, help="Seconds that the secrets before it still sign.")
    ] = int(OLD_SECRETS_LIVE.total_seconds()),
    data: Data = None,
    deployments: DeploymentFile = None,
) -> None:
    """Make a new signing secret, and print it this once."""
    ports = _ports(data=data, deployments=deployments)
    kept = timedelta(seconds=keep_old)
    if (endpoint is None) == (deployment is None):
        raise Invalid("Name an endpoint, or a deployment with --deployment.")
    if endpoint is not None:
        rotated = seeing_to.rotate_endpoint_secret(ports, endpoint, _actor(), kept)
    else:
        rotated = seeing_to.rotate_deployment_secret(ports, str(deployment), _actor(), kept)
    typer.echo(rotated.secret)


@endpoints.command()
def ping(endpoint: EndpointId, data: Data = None, deployments: DeploymentFile = None) -> None:
    """Send a signed test request, once; exit status 1 where it was not taken."""
    ports = _ports(data=data, deployments=deployments)
    result = seeing_to.ping_endpoint(ports, endpoint, _actor())
    told = f"{result.status}" if result.status else result.told
    typer.echo(f"{told} after {result.seconds:.3f} s")
    raise typer.Exit(0 if result.succeeded else 1)


def _print(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    table = Table(box=None)
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=number == 0)  # ids are there to be copied
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def _ports(**given: object) -> Ports:
    return make_ports(settings_with(**given))


def _actor() -> str:
    return f"cli:{getpass.getuser()}"


def _utc(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time else None


def _time(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S") if at else ""

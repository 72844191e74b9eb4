"""Deliveries and endpoints, from the machine that the service runs on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from orchestrator.api.v1.delivery_records import (
    delivery_line,
    delivery_record,
    endpoint_record,
    new_secret,
    pinged,
)
from orchestrator.cli.application import Data, DeploymentFile
from orchestrator.cli.printing import AsJson, print_json, print_records, print_result
from orchestrator.cli.world import actor, ports_with
from orchestrator.domain.delivery import DeliveryState
from orchestrator.domain.endpoint import OLD_SECRETS_LIVE
from orchestrator.errors import Invalid
from orchestrator.ports import DeliveryFilter
from orchestrator.usecases.webhooks import endpoints as seeing_to
from orchestrator.usecases.webhooks.deliveries import (
    list_deliveries,
    read_delivery,
    replay_deliveries,
    replay_delivery,
)

deliveries = typer.Typer(help="Webhooks: what arrived, what did not and why.", no_args_is_help=True)
endpoints = typer.Typer(help="Receivers of webhooks, and how they do.", no_args_is_help=True)

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
    as_json: AsJson = False,
) -> None:
    """List deliveries, newest first."""
    ports = ports_with(data=data, deployments=deployments)
    wanted = DeliveryFilter(deployment, execution, endpoint, state)
    found = list_deliveries(ports, wanted, None, limit)
    columns = ("delivery_id", "kind", "state", "attempts", "created_at", "reason")
    print_records(map(delivery_line, found), columns, as_json=as_json)


@deliveries.command()
def show(
    delivery: DeliveryId,
    data: Data = None,
    deployments: DeploymentFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show a delivery with all its tries."""
    found, tries = read_delivery(ports_with(data=data, deployments=deployments), delivery)
    record = delivery_record(found, tries)
    if as_json:
        print_json(record)
        return
    for name, value in record.items():
        if name not in ("body", "tries"):
            typer.echo(f"{name:<12} {value}")
    print_records(record["tries"], ("number", "at", "status", "seconds", "error"), as_json=False)


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
    as_json: AsJson = False,
) -> None:
    """Send again what has ended, under the same id. Without --state: what did not arrive."""
    ports = ports_with(data=data, deployments=deployments)
    if delivery is not None:
        replay_delivery(ports, delivery, actor())
        print_result({"replayed": 1}, "Replayed.", as_json=as_json)
        return
    wanted = DeliveryFilter(deployment, execution, endpoint, state, _utc(since), _utc(until))
    if wanted == DeliveryFilter():
        raise Invalid("Name a delivery, or say with options which are meant.")
    count = replay_deliveries(ports, wanted, actor())
    print_result({"replayed": count}, f"Replayed {count}.", as_json=as_json)


@endpoints.command("list")
def list_endpoints(
    deployment: Deployment = None,
    limit: Limit = 50,
    data: Data = None,
    deployments: DeploymentFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List endpoints, newest first, with how they do."""
    ports = ports_with(data=data, deployments=deployments)
    reports = seeing_to.list_endpoints(ports, deployment, None, limit)
    columns = ("endpoint_id", "deployment", "state", "waiting", "failing_since", "reason")
    health = ("last_status", "last_error")
    print_records(map(endpoint_record, reports), (*columns, *health), as_json=as_json)


@endpoints.command()
def enable(
    endpoint: EndpointId,
    data: Data = None,
    deployments: DeploymentFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Send there again."""
    ports = ports_with(data=data, deployments=deployments)
    seeing_to.enable_endpoint(ports, endpoint, actor())
    print_result({"endpoint_id": endpoint, "state": "ENABLED"}, "Enabled.", as_json=as_json)


@endpoints.command()
def disable(
    endpoint: EndpointId,
    reason: Annotated[str, typer.Option(help="Why; whoever looks will read it.")] = "",
    data: Data = None,
    deployments: DeploymentFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Send nothing there any more; what waits there is cancelled."""
    ports = ports_with(data=data, deployments=deployments)
    seeing_to.disable_endpoint(ports, endpoint, actor(), reason)
    print_result({"endpoint_id": endpoint, "state": "DISABLED"}, "Disabled.", as_json=as_json)


@endpoints.command()
def rotate(
    endpoint: Annotated[str | None, typer.Argument(help="The id of the endpoint.")] = None,
    *,
    deployment: Annotated[
        str | None, typer.Option(help="Make one for all endpoints of this deployment instead.")
    ] = None,
    keep_old: Annotated[
        int, typer.Option(min=0, help="Seconds that the secrets before it still sign.")
    ] = int(OLD_SECRETS_LIVE.total_seconds()),
    data: Data = None,
    deployments: DeploymentFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a new signing secret, and print it this once."""
    ports = ports_with(data=data, deployments=deployments)
    kept = timedelta(seconds=keep_old)
    if (endpoint is None) == (deployment is None):
        raise Invalid("Name an endpoint, or a deployment with --deployment.")
    if endpoint is not None:
        rotated = seeing_to.rotate_endpoint_secret(ports, endpoint, actor(), kept)
    else:
        rotated = seeing_to.rotate_deployment_secret(ports, str(deployment), actor(), kept)
    print_result(new_secret(rotated), rotated.secret, as_json=as_json)


@endpoints.command()
def ping(
    endpoint: EndpointId,
    data: Data = None,
    deployments: DeploymentFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Send a signed test request, once; exit status 1 where it was not taken."""
    ports = ports_with(data=data, deployments=deployments)
    result = seeing_to.ping_endpoint(ports, endpoint, actor())
    outcome = f"{result.status}" if result.status else result.summary
    print_result(pinged(result), f"{outcome} after {result.seconds:.3f} s", as_json=as_json)
    raise typer.Exit(0 if result.succeeded else 1)


def _utc(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time else None

"""Deliveries and endpoints: what arrived, what did not and why, and seeing to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.connection import on_service
from orchestrator.cli.printing import AsJson, print_json, print_record, print_records, print_result
from orchestrator.domain.delivery import DeliveryState
from orchestrator.domain.endpoint import OLD_SECRETS_LIVE
from orchestrator.errors import Invalid
from orchestrator.wire.paths import path_part

if TYPE_CHECKING:
    from orchestrator.client import Client

deliveries = typer.Typer(help="Webhooks: what arrived, what did not and why.", no_args_is_help=True)
endpoints = typer.Typer(help="Receivers of webhooks, and how they do.", no_args_is_help=True)

DeliveryId = Annotated[str, typer.Argument(metavar="DELIVERY", help="The id: its webhook-id.")]
EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT", help="The id of the endpoint.")]
Deployment = Annotated[str | None, typer.Option(help="Only those of this deployment.")]
Execution = Annotated[str | None, typer.Option(help="Only those of this execution.")]
AtEndpoint = Annotated[str | None, typer.Option("--endpoint", help="Only those for this endpoint.")]
State = Annotated[DeliveryState | None, typer.Option(help="Only those in this state.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many to show at most.")]
Time = Annotated[datetime | None, typer.Option(help="A time in UTC, such as 2026-11-22T12:00:00.")]


@deliveries.command("list")
@on_service
def list_some(  # noqa: PLR0913 - one parameter for each option
    service: Client,
    *,
    deployment: Deployment = None,
    execution: Execution = None,
    endpoint: AtEndpoint = None,
    state: State = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List deliveries, newest first."""
    wanted = _wanted(deployment, execution, endpoint, state)
    found = service.listed("/v1/deliveries", limit, **wanted)
    columns = ("delivery_id", "kind", "state", "attempts", "created_at", "reason")
    print_records(found, columns, as_json=as_json)


@deliveries.command()
@on_service
def show(service: Client, delivery: DeliveryId, *, as_json: AsJson = False) -> None:
    """Show a delivery with all its tries."""
    record = service.call("GET", f"/v1/deliveries/{path_part(delivery)}")
    if as_json:
        print_json(record)
        return
    tries = record.pop("tries")
    record.pop("body")
    print_record(record, as_json=False)
    typer.echo()
    print_records(tries, ("number", "at", "status", "seconds", "error"), as_json=False)


@deliveries.command()
@on_service
def replay(  # noqa: PLR0913 - one parameter for each option
    service: Client,
    delivery: Annotated[str | None, typer.Argument(help="One delivery; or give options.")] = None,
    *,
    deployment: Deployment = None,
    execution: Execution = None,
    endpoint: AtEndpoint = None,
    state: State = None,
    since: Time = None,
    until: Time = None,
    as_json: AsJson = False,
) -> None:
    """Send again what has ended, under the same id. Without --state: what did not arrive."""
    if delivery is not None:
        service.call("POST", f"/v1/deliveries/{path_part(delivery)}/replay")
        print_result({"replayed": 1}, "Replayed.", as_json=as_json)
        return
    wanted = _wanted(deployment, execution, endpoint, state)
    body = {**wanted, "since": _utc(since), "until": _utc(until)}
    if not any(body.values()):
        raise Invalid("Name a delivery, or say with options which are meant.")
    replayed = service.call("POST", "/v1/deliveries/replay", body)
    print_result(replayed, f"Replayed {replayed['replayed']}.", as_json=as_json)


def _wanted(
    deployment: str | None, execution: str | None, endpoint: str | None, state: DeliveryState | None
) -> dict[str, Any]:
    return {
        "deployment": deployment,
        "execution_id": execution,
        "endpoint_id": endpoint,
        "state": state.value if state else None,
    }


@endpoints.command("list")
@on_service
def list_endpoints(
    service: Client, deployment: Deployment = None, limit: Limit = 50, *, as_json: AsJson = False
) -> None:
    """List endpoints, newest first, with how they do."""
    found = service.listed("/v1/endpoints", limit, deployment=deployment)
    columns = ("endpoint_id", "deployment", "state", "waiting", "failing_since", "reason")
    health = ("last_status", "last_error")
    print_records(found, (*columns, *health), as_json=as_json)


@endpoints.command()
@on_service
def enable(service: Client, endpoint: EndpointId, *, as_json: AsJson = False) -> None:
    """Send there again."""
    enabled = _do(service, endpoint, "enable")
    print_result(enabled, "Enabled.", as_json=as_json)


@endpoints.command()
@on_service
def disable(
    service: Client,
    endpoint: EndpointId,
    reason: Annotated[str, typer.Option(help="Why; whoever looks will read it.")] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Send nothing there any more; what waits there is cancelled."""
    disabled = _do(service, endpoint, "disable", reason=reason)
    print_result(disabled, "Disabled.", as_json=as_json)


@endpoints.command()
@on_service
def rotate(
    service: Client,
    endpoint: Annotated[str | None, typer.Argument(help="The id of the endpoint.")] = None,
    *,
    deployment: Annotated[
        str | None, typer.Option(help="Make one for all endpoints of this deployment instead.")
    ] = None,
    keep_old: Annotated[
        int, typer.Option(min=0, help="Seconds that the secrets before it still sign.")
    ] = int(OLD_SECRETS_LIVE.total_seconds()),
    as_json: AsJson = False,
) -> None:
    """Make a new signing secret, and print it this once."""
    if endpoint is not None and deployment is None:
        rotated = _do(service, endpoint, "rotate", keep_old=keep_old)
    elif deployment is not None and endpoint is None:
        path = f"/v1/deployments/{path_part(deployment)}/rotate-secret"
        rotated = service.call("POST", path, keep_old=keep_old)
    else:
        raise Invalid("Name an endpoint, or a deployment with --deployment.")
    print_result(rotated, rotated["secret"], as_json=as_json)


@endpoints.command()
@on_service
def ping(service: Client, endpoint: EndpointId, *, as_json: AsJson = False) -> None:
    """Send a signed test request, once; exit status 1 where it was not taken."""
    result = _do(service, endpoint, "ping")
    outcome = result.get("status") or result.get("error")
    print_result(result, f"{outcome} after {result['seconds']:.3f} s", as_json=as_json)
    raise typer.Exit(0 if result["succeeded"] else 1)


def _do(service: Client, endpoint: str, what: str, **query: Any) -> dict[str, Any]:
    return service.call("POST", f"/v1/endpoints/{path_part(endpoint)}/{what}", **query)


def _utc(time: datetime | None) -> str | None:
    return time.replace(tzinfo=UTC).isoformat() if time else None

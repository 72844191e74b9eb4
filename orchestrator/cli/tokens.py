"""API tokens, from the machine that the service runs on."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.application import Data, DeploymentFile
from orchestrator.cli.printing import AsJson, print_records, print_result
from orchestrator.cli.world import actor, ports_with
from orchestrator.domain.permission import Permission
from orchestrator.domain.person import address_of
from orchestrator.domain.token import Token
from orchestrator.errors import Invalid
from orchestrator.wire.moment import iso

application = typer.Typer(help="API tokens: who may call what.", no_args_is_help=True)

TokenId = Annotated[str, typer.Argument(metavar="TOKEN", help="The id, as the list shows it.")]


@application.command()
def create(  # noqa: PLR0913 - each is an option
    name: Annotated[str, typer.Option(help="Whose it is: timelines show it.")] = "api",
    deployment: Annotated[
        str | None, typer.Option(help="Valid for this deployment only; without it, for all.")
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(help="The mail address of the person whose own it is: it acts as that one."),
    ] = None,
    may: Annotated[
        Permission, typer.Option(help="What whoever has it may do; each includes those before it.")
    ] = Permission.MANAGE,
    data: Data = None,
    deployments: DeploymentFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a token, and print it this once."""
    from orchestrator.usecases.access.tokens import create_token

    address = None if person is None else address_of(person)
    if person is not None and address is None:
        raise Invalid(f"--person: {person!r} is no mail address.")
    ports = ports_with(may_make_folder=True, data=data, deployments=deployments)
    token, secret = create_token(ports, name, deployment, actor(), address, may)
    print_result({**_record(token), "token": secret}, secret, as_json=as_json)


@application.command("list")
def list_all(
    data: Data = None, deployments: DeploymentFile = None, *, as_json: AsJson = False
) -> None:
    """List the tokens, oldest first; their secrets are not kept."""
    from orchestrator.usecases.access.tokens import list_tokens

    found = list_tokens(ports_with(data=data, deployments=deployments))
    columns = ("id", "name", "deployment", "person", "may", "created_at", "revoked_at")
    print_records(map(_record, found), columns, as_json=as_json)


@application.command()
def revoke(
    token: TokenId,
    data: Data = None,
    deployments: DeploymentFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """End a token: from now on it is worth nothing."""
    from orchestrator.usecases.access.tokens import revoke_token

    revoke_token(ports_with(data=data, deployments=deployments), token, actor())
    print_result({"id": token, "revoked": True}, "Revoked.", as_json=as_json)


@application.command("sign-out")
def sign_out(
    person: Annotated[str, typer.Argument(metavar="ADDRESS", help="Whose sessions end.")],
    data: Data = None,
    deployments: DeploymentFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """End every session that a person began in the inbox by mail or sign-on."""
    from orchestrator.usecases.access.sessions import sign_out_everywhere

    address = address_of(person)
    if address is None:
        raise Invalid(f"{person!r} is no mail address.")
    ended = sign_out_everywhere(ports_with(data=data, deployments=deployments), address, actor())
    print_result({"person": address, "ended": ended}, f"Ended: {ended}", as_json=as_json)


def _record(token: Token) -> dict[str, str | None]:
    return {
        "id": token.id,
        "name": token.name,
        "deployment": token.deployment or "all",
        "person": token.person,
        "may": token.permission.value,
        "created_at": token.created_at.isoformat(),
        "revoked_at": iso(token.revoked_at),
    }

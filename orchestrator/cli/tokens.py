"""API tokens, from the machine that the service runs on."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.application import Data, DeploymentFile, settings_with
from orchestrator.usecases.tokens import create_token
from orchestrator.wiring import make_ports

application = typer.Typer(help="API tokens: who may call what.", no_args_is_help=True)


@application.callback()
def tokens() -> None:
    """Keep the group a group while it has one command."""


@application.command()
def create(
    name: Annotated[str, typer.Option(help="Whose it is: timelines show it.")] = "api",
    deployment: Annotated[
        str | None, typer.Option(help="Valid for this deployment only; without it, for all.")
    ] = None,
    data: Data = None,
    deployments: DeploymentFile = None,
) -> None:
    """Make a token, and print it this once."""
    ports = make_ports(settings_with(data=data, deployments=deployments))
    _, secret = create_token(ports, name, deployment)
    typer.echo(secret)

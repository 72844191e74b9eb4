"""``orchestrator login``: which service the commands of this user speak to."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.connection import TOKEN_VARIABLE, checked
from orchestrator.cli.profile import forget_profile, profile_path, write_profile
from orchestrator.errors import InvalidSettings

Url = Annotated[str, typer.Argument(help="Root of the API, such as https://crews.example.")]
Secret = Annotated[
    str,
    typer.Option(
        "--token",
        envvar=TOKEN_VARIABLE,
        prompt="Token",
        hide_input=True,
        help="A token of the service; it is asked for where it is not given.",
    ),
]


def login(url: Url, token: Secret) -> None:
    """Have commands speak to a service elsewhere.

    Wherever none of this machine is meant.
    """
    from orchestrator.client import Client

    profile = checked(url, token)
    with Client(profile.url, profile.token) as service:
        found = service.call("GET", "/v1/deployments").get("deployments")
    if found is None:
        raise InvalidSettings(f"{url} answers, but not as a Crew Orchestrator does.")
    write_profile(profile)
    names = ", ".join(each["name"] for each in found)
    typer.echo(f"Logged in to {url} (deployments: {names}). Kept in {profile_path()}.")


def logout() -> None:
    """Forget the service of `orchestrator login`."""
    forget_profile()
    typer.echo("Logged out.")

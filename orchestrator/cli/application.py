"""The command's frame: options that every subcommand shares, and how settings come from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from orchestrator.settings import Settings

application = typer.Typer(
    name="orchestrator",
    help="Durable runs of CrewAI crews that stop, ask a person, and carry on exactly once.",
    no_args_is_help=True,
    rich_markup_mode=None,  # its boxes cut at the terminal's edge, and take a while to import
    pretty_exceptions_enable=False,
)

MOST_PORTS = 65_535

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder that holds all state.", show_default="ORCHESTRATOR_DATA"),
]
DeploymentFile = Annotated[
    Path | None,
    typer.Option(
        "--deployments",
        help="TOML file that declares the deployments.",
        show_default="ORCHESTRATOR_DEPLOYMENTS",
    ),
]


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        from importlib.metadata import version

        typer.echo(f"crew-orchestrator {version('crew-orchestrator')}")
        raise typer.Exit


@application.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version, and end."
        ),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


def absolute(path: Path | None) -> Path | None:
    """A path that processes started from here read in the same way.

    One below the home of nobody stays as it is: the settings refuse it by its name.
    """
    try:
        return path.expanduser().resolve() if path else None
    except RuntimeError:
        return path


def settings_with(**given: object) -> Settings:
    """Read the settings; options that were given win over the environment.

    They are written to the environment, so that processes started from here have them too.
    Raises InvalidSettings.
    """
    from orchestrator.settings import PREFIX, Settings

    for name, value in given.items():
        if value is not None:
            os.environ[PREFIX + name.upper()] = str(value)
    return Settings()

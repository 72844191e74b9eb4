"""The command's frame: options that every subcommand shares, and how settings come from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.settings import PREFIX, Settings

application = typer.Typer(
    name="orchestrator",
    help="Durable runs of CrewAI crews that stop, ask a person, and carry on exactly once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

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


def settings_with(**given: object) -> Settings:
    """Read the settings; options that were given win over the environment.

    They are written to the environment, so that processes started from here have them too.
    Raises InvalidSettings.
    """
    for name, value in given.items():
        if value is not None:
            os.environ[PREFIX + name.upper()] = str(value)
    return Settings()

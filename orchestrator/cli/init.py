"""``orchestrator init``: a small project that runs, to be made into one's own."""

from __future__ import annotations

import shlex
import shutil
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.errors import Invalid

_SHIPPED = Path(__file__).parents[1] / "examples"
_OF_A_CHECKOUT = Path(__file__).parents[2] / "examples"


class Kind(StrEnum):
    """What the project has: one of the examples."""

    CREW = "crew"
    FLOW = "flow"
    FUNCTIONS = "functions"


def init(
    name: Annotated[Path, typer.Argument(help="The folder to make.")],
    *,
    kind: Annotated[
        Kind, typer.Option(help="A CrewAI crew, a CrewAI flow, or plain functions.")
    ] = Kind.FUNCTIONS,
) -> None:
    """Make a small project that runs."""
    if name.exists() and (not name.is_dir() or any(name.iterdir())):
        raise Invalid(f"{name} is there already: name a new folder.")
    examples = next(path for path in (_SHIPPED, _OF_A_CHECKOUT) if path.exists())
    ignored = shutil.ignore_patterns("__pycache__", ".*cache", ".orchestrator")
    try:
        shutil.copytree(examples / kind.value, name, ignore=ignored, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        raise Invalid(f"{name} cannot be made: {error}") from error
    needs = (
        "" if kind is Kind.FUNCTIONS else "    (it needs the extra: crew-orchestrator[crewai])\n"
    )
    typer.echo(
        f"{name} has the code, config/deployments.toml, a test and .env.example.\n"
        f"    cd {shlex.quote(str(name))}\n"
        f"    orchestrator up\n{needs}"
        "and in another terminal, in the same folder:\n"
        "    orchestrator kickoff -i topic=owls\n"
        "    orchestrator reviews list"
    )

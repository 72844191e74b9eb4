"""The deployments: how they stand, and whether their code loads on this machine."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.application import Data, DeploymentFile, settings_with
from orchestrator.cli.completion import deployment_names
from orchestrator.cli.connection import on_service
from orchestrator.cli.printing import AsJson, print_records

if TYPE_CHECKING:
    from orchestrator.client import Client

SECONDS_TO_LOAD = 180
"""CrewAI alone takes up to 7 to import."""

deployments = typer.Typer(help="The deployments that are declared.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of loading a deployment in a process of its own."""

    deployment: str
    loads: bool
    says: str


@deployments.command("list")
@on_service
def list_all(service: Client, *, as_json: AsJson = False) -> None:
    """List the deployments, as the crew workers found them."""
    found = service.call("GET", "/v1/deployments")["deployments"]
    records = [{"deployment": each.pop("name"), **each} for each in found]
    columns = ("deployment", "health", "inputs", "tasks", "error")
    print_records(records, columns, as_json=as_json)


@deployments.command()
def check(
    only: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DEPLOYMENT",
            help="Which; all if none is named.",
            autocompletion=deployment_names,
        ),
    ] = None,
    data: Data = None,
    file: DeploymentFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Load each deployment as a worker would, in a process of its own, and say what is wrong.

    Exit status 1 when one does not load.
    """
    from orchestrator.adapters.deployment_file import load_deployments

    declared = load_deployments(settings_with(data=data, deployments=file).deployments)
    checked = [_check(declared.get(name).name) for name in only or declared.names()]
    columns = ("deployment", "loads", "says")
    print_records(map(asdict, checked), columns, as_json=as_json)
    raise typer.Exit(int(not all(each.loads for each in checked)))


def _check(name: str) -> Checked:
    command = [sys.executable, "-m", "orchestrator", "deployments", "load", name]
    try:
        ended = subprocess.run(  # noqa: S603 - our own command
            command, capture_output=True, text=True, check=False, timeout=SECONDS_TO_LOAD
        )
    except subprocess.TimeoutExpired:
        return Checked(name, loads=False, says=f"does not load within {SECONDS_TO_LOAD} s")
    loads = ended.returncode == 0
    said = (ended.stdout if loads else ended.stderr).strip().splitlines()
    silent = f"the process ended with status {ended.returncode}, without a word"
    return Checked(name, loads, said[-1].removeprefix("orchestrator: ") if said else silent)


@deployments.command(hidden=True)
def load(name: str) -> None:
    """Load one deployment here, and print its tasks on the last line."""
    from orchestrator.adapters.deployment_file import load_deployments
    from orchestrator.wiring import make_runners

    settings = settings_with()
    deployment = load_deployments(settings.deployments).get(name)
    plan = make_runners(settings)[deployment.runner].plan(deployment)
    typer.echo(f"tasks: {', '.join(plan.names)}; inputs: {', '.join(plan.inputs) or 'none'}")

"""The deployments, from the machine that the service runs on."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from orchestrator.cli.application import Data, DeploymentFile
from orchestrator.cli.printing import AsJson, print_records
from orchestrator.cli.world import ports_with
from orchestrator.usecases.operations.manifests import Described, described

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
def list_all(data: Data = None, file: DeploymentFile = None, *, as_json: AsJson = False) -> None:
    """List the deployments, as the crew workers found them."""
    found = described(ports_with(data=data, deployments=file))
    columns = ("deployment", "health", "inputs", "tasks", "error")
    print_records(map(_record, found), columns, as_json=as_json)


def _record(found: Described) -> dict[str, object]:
    manifest = found.manifest
    if manifest is None:
        return {"deployment": found.name, "health": "not loaded"}
    if manifest.plan is None:
        return {"deployment": found.name, "health": "broken", "error": manifest.error}
    inputs, tasks = ", ".join(manifest.plan.inputs), ", ".join(manifest.plan.names)
    return {"deployment": found.name, "health": "ready", "inputs": inputs, "tasks": tasks}


@deployments.command()
def check(
    only: Annotated[
        list[str] | None, typer.Argument(metavar="DEPLOYMENT", help="Which; all if none is named.")
    ] = None,
    data: Data = None,
    file: DeploymentFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Load each deployment as a worker would, in a process of its own, and say what is wrong.

    Exit status 1 when one does not load.
    """
    ports = ports_with(data=data, deployments=file)
    checked = [
        _check(ports.deployments.get(name).name) for name in only or ports.deployments.names()
    ]
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
    ports = ports_with()
    deployment = ports.deployments.get(name)
    plan = ports.runners[deployment.runner].plan(deployment)
    typer.echo(f"tasks: {', '.join(plan.names)}; inputs: {', '.join(plan.inputs) or 'none'}")

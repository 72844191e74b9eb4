"""The messages of producers, from the machine that the service runs on."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.api.v1.records import message_record
from orchestrator.cli.application import Data, DeploymentFile
from orchestrator.cli.executions import Limit, OfDeployment
from orchestrator.cli.printing import AsJson, print_records
from orchestrator.cli.world import ports_with
from orchestrator.ports import IntakeState
from orchestrator.usecases.operations.messages import list_messages

State = Annotated[IntakeState | None, typer.Option(help="Only those that came to this.")]


def messages(
    *,
    state: State = None,
    deployment: OfDeployment = None,
    limit: Limit = 50,
    data: Data = None,
    deployments: DeploymentFile = None,
    as_json: AsJson = False,
) -> None:
    """List the newest messages of producers, and why those that were refused were."""
    ports = ports_with(data=data, deployments=deployments)
    found = map(message_record, list_messages(ports, state, deployment, limit))
    columns = ("message_id", "job", "deployment", "state", "received_at", "reason")
    print_records(found, columns, as_json=as_json)

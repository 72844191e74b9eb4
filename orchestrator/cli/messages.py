"""The messages of producers that do not speak HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.connection import on_service
from orchestrator.cli.executions import OfDeployment
from orchestrator.cli.printing import AsJson, print_records
from orchestrator.domain.intake import IntakeState

if TYPE_CHECKING:
    from orchestrator.client import Client

State = Annotated[IntakeState | None, typer.Option(help="Only those that came to this.")]
Limit = Annotated[int, typer.Option(min=1, max=100, help="How many to show at most.")]


@on_service
def messages(
    service: Client,
    *,
    state: State = None,
    deployment: OfDeployment = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List the newest messages of producers.

    With the reasons of those that were refused.
    """
    wanted = {"deployment": deployment, "state": state.value if state else None}
    found = service.call("GET", "/v1/messages", limit=limit, **wanted)["messages"]
    columns = ("message_id", "job", "deployment", "state", "received_at", "reason")
    print_records(found, columns, as_json=as_json)

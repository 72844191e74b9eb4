"""``orchestrator audit``: what was changed about the service itself, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.connection import on_service
from orchestrator.cli.printing import AsJson, print_records

if TYPE_CHECKING:
    from orchestrator.client import Client


@on_service
def audit(
    service: Client,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many to show at most.")] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """Show who changed endpoints, secrets and tokens.

    The newest first.
    """
    found = service.call("GET", "/v1/audit", limit=limit)["audit"]
    columns = ("number", "at", "actor", "event", "subject", "deployment", "details")
    print_records(found, columns, as_json=as_json)

"""``orchestrator audit``: what was changed about the service itself, and by whom."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.application import Data, DeploymentFile
from orchestrator.cli.printing import AsJson, print_records
from orchestrator.cli.world import ports_with
from orchestrator.domain.audit import AuditEntry


def audit(
    limit: Annotated[int, typer.Option(min=1, help="How many to show at most.")] = 50,
    data: Data = None,
    deployments: DeploymentFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show who changed endpoints, secrets and tokens.

    The newest first.
    """
    from orchestrator.usecases.operations.audit import newest_entries

    found = newest_entries(ports_with(data=data, deployments=deployments), limit)
    columns = ("number", "at", "actor", "event", "subject", "deployment", "details")
    print_records(map(_record, found), columns, as_json=as_json)


def _record(entry: AuditEntry) -> dict[str, object]:
    return {
        "number": entry.number,
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "event": entry.event,
        "subject": entry.subject_id,
        "deployment": entry.deployment,
        "details": dict(entry.details),
    }

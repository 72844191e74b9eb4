"""``orchestrator doctor``: what is wrong, and how to mend it, one line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from orchestrator.cli.application import Data, DeploymentFile
from orchestrator.cli.printing import AsJson, print_json

if TYPE_CHECKING:
    from orchestrator.usecases.operations.finding import Finding


def doctor(
    data: Data = None, deployments: DeploymentFile = None, *, as_json: AsJson = False
) -> None:
    """Say what is wrong and how to mend it.

    Exit status 1 when something is.
    """
    from orchestrator.cli.checks import findings

    found = list(findings(data=data, deployments=deployments))
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        show(found)
    raise typer.Exit(int(any(finding.is_wrong for finding in found)))


def show(findings: Sequence[Finding]) -> None:
    """Print findings, a line each."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(soft_wrap=True, highlight=False)
    for finding in findings:
        mark = "[red]wrong[/red]" if finding.is_wrong else "[green]ok[/green]   "
        mend = f" [bold]{escape(finding.mend)}.[/bold]" if finding.mend else ""
        console.print(f"{mark} {finding.check}: {escape(finding.says)}.{mend}")

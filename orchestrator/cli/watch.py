"""``orchestrator watch``: an execution as it goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from orchestrator.api.v1.records import entry_record
from orchestrator.cli.application import Data, DeploymentFile
from orchestrator.cli.executions import ExecutionId
from orchestrator.cli.printing import AsJson
from orchestrator.cli.world import ports_with
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.timeline import Entry
from orchestrator.ports import Ports
from orchestrator.usecases.executions.snapshot import Snapshot, history

SECONDS_BETWEEN_LOOKS = 0.5

UntilHalt = Annotated[
    bool, typer.Option("--until-halt", help="End also when a person is asked, not only at the end.")
]


def watch(
    execution: ExecutionId,
    data: Data = None,
    deployments: DeploymentFile = None,
    *,
    until_halt: UntilHalt = False,
    as_json: AsJson = False,
) -> None:
    """Show an execution as it goes on, until it ends; exit status 1 when it failed.

    With --json every line is one entry of the timeline.
    """
    looks = _looks(ports_with(data=data, deployments=deployments), execution, until_halt=until_halt)
    last = _follow_in_lines(looks) if as_json else _follow_with_bar(looks)
    raise typer.Exit(int(last is ExecutionState.FAILED))


Look = tuple[Snapshot, tuple[Entry, ...]]


def _looks(ports: Ports, execution_id: str, *, until_halt: bool) -> Iterator[Look]:
    """Look again and again: how it stands, and the entries that are new since the last look."""
    seen = 0
    while True:
        found, entries = history(ports, execution_id)
        yield found, entries[seen:]
        seen = len(entries)
        halted = found.execution.state is ExecutionState.PENDING_HUMAN_INPUT
        if not found.execution.is_open or (until_halt and halted):
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _follow_in_lines(looks: Iterator[Look]) -> ExecutionState | None:
    state = None
    for found, entries in looks:
        state = found.execution.state
        for entry in entries:
            typer.echo(json.dumps(entry_record(entry), ensure_ascii=False))
    return state


def _follow_with_bar(looks: Iterator[Look]) -> ExecutionState | None:
    state = None
    with _bar(Console(highlight=False)) as progress:
        bar = progress.add_task("", total=None)
        for found, entries in looks:
            state = found.execution.state
            for entry in entries:
                progress.console.print(_line(entry_record(entry)), markup=False)
            done = len(found.committed)
            total = None if found.plan.is_flow else len(found.plan.names)
            progress.update(bar, completed=done, total=total, description=_now(found))
    return state


def _bar(console: Console) -> Progress:
    columns: list[Any] = [TextColumn("{task.description}"), BarColumn()]
    return Progress(*columns, MofNCompleteColumn(), TimeElapsedColumn(), console=console)


def _now(found: Snapshot) -> str:
    state = found.execution.state.value.replace("_", " ").lower()
    return f"{state}: {found.current_task}" if found.current_task else state


def _line(record: dict[str, Any]) -> str:
    task = f" {record['task_name']} (round {record['round']})" if "task_name" in record else ""
    error = record["details"].get("error")
    why = f": {error}" if error else ""
    return f"{record['at'][11:23]} {record['event']}{task} by {record['actor']}{why}"

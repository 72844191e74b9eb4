"""``orchestrator watch``: an execution as it goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.connection import on_service
from orchestrator.cli.executions import ExecutionId, read_execution
from orchestrator.cli.printing import AsJson, harmless, json_text
from orchestrator.wire.paths import path_part

if TYPE_CHECKING:
    from rich.progress import Progress

    from orchestrator.client import Client

SECONDS_BETWEEN_LOOKS = 0.5
FAILED = "error"

UntilHalt = Annotated[
    bool, typer.Option("--until-halt", help="End also when a person is asked, not only at the end.")
]


@on_service
def watch(
    service: Client,
    execution: ExecutionId,
    *,
    until_halt: UntilHalt = False,
    as_json: AsJson = False,
) -> None:
    """Show an execution as it goes on, until it ends.

    Exit status 1 when it failed.

    With --json every line is one entry of the timeline.
    """
    looks = _looks(service, execution, until_halt=until_halt)
    last = _follow_in_lines(looks) if as_json else _follow_with_bar(looks)
    raise typer.Exit(int(last == FAILED))


@dataclass(frozen=True, slots=True)
class Look:
    """How an execution stands, and the entries that are new since the last look."""

    status: dict[str, Any]
    entries: list[dict[str, Any]]


def _looks(service: Client, execution: str, *, until_halt: bool) -> Iterator[Look]:
    found = read_execution(service, execution)
    deployment, execution_id = path_part(found["deployment"]), found["execution_id"]
    ends = ["completed", "error", "stopped", *(["pending_human_input"] if until_halt else [])]
    seen = 0
    while True:
        # The status first: what happens in between comes with the next look, or was the end.
        status = service.call("GET", f"/crews/{deployment}/status/{execution_id}")
        entries = service.call("GET", f"/v1/executions/{execution_id}/timeline")["timeline"]
        yield Look(status, entries[seen:])
        seen = len(entries)
        if status["status"] in ends:
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _follow_in_lines(looks: Iterator[Look]) -> str | None:
    status = None
    for look in looks:
        status = look.status["status"]
        for entry in look.entries:
            typer.echo(json_text(entry))
    return status


def _follow_with_bar(looks: Iterator[Look]) -> str | None:
    status = None
    with _bar() as progress:
        bar = progress.add_task("", total=None)
        for look in looks:
            status = look.status["status"]
            for entry in look.entries:
                progress.console.print(_line(entry), markup=False, soft_wrap=True)
            done = look.status["progress"]
            completed, total = done["completed"], done.get("total")
            progress.update(bar, completed=completed, total=total, description=_now(look.status))
    return status


def _bar() -> Progress:
    # Rich takes a tenth of a second to import, which other commands do not need.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns: list[Any] = [TextColumn("{task.description}"), BarColumn()]
    console = Console(highlight=False)
    return Progress(*columns, MofNCompleteColumn(), TimeElapsedColumn(), console=console)


def _now(status: dict[str, Any]) -> str:
    standing = str(status["status"]).replace("_", " ")
    return f"{standing}: {status['current_task']}" if "current_task" in status else standing


def _line(record: dict[str, Any]) -> str:
    task = f" {record['task_name']} (round {record['round']})" if "task_name" in record else ""
    error = record["details"].get("error")
    why = f": {error}" if error else ""
    return harmless(f"{record['at'][11:23]} {record['event']}{task} by {record['actor']}{why}")

"""``orchestrator audit``: who changed the service itself, and whether the record is whole."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from typer.core import TyperGroup

from orchestrator.cli.application import Data
from orchestrator.cli.connection import on_service
from orchestrator.cli.printing import AsJson, harmless, print_json, print_records
from orchestrator.errors import Invalid

if TYPE_CHECKING:
    from orchestrator.client import Client
    from orchestrator.domain.canonical import JsonObject
    from orchestrator.domain.record import Counts

MOST_FAULTS = 100
"""Broken streams that are named; of the others, how many there are."""


class _ListsByItself(TyperGroup):
    """A group that, where no command of it is named, lists."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        names_none = not args or (args[0].startswith("-") and args[0] != "--help")
        if names_none and not ctx.resilient_parsing:
            args = ["list", *args]
        return super().parse_args(ctx, args)


audit = typer.Typer(
    cls=_ListsByItself, help="What was changed and by whom, and whether the record is whole."
)

Deployment = Annotated[str | None, typer.Option(help="Only what concerns this deployment.")]
Time = Annotated[datetime | None, typer.Option(help="A time in UTC, such as 2026-11-22T12:00:00.")]


@audit.command("list")
@on_service
def list_newest(
    service: Client,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many to show at most.")] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """Show who changed endpoints, secrets and tokens, and what was edited of deployments.

    The newest first. `orchestrator audit` alone does the same.
    """
    found = service.call("GET", "/v1/audit", limit=limit)["audit"]
    columns = ("number", "at", "actor", "event", "subject", "deployment", "details")
    print_records(found, columns, as_json=as_json)


@audit.command()
def verify(
    file: Annotated[
        Path | None, typer.Option("--file", help="An export in JSON lines, in place of a database.")
    ] = None,
    data: Data = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say whether the timelines and the audit log are as they were written.

    On the database of the settings, or on an export. Exit status 1 where an entry was altered,
    removed, moved or added: the first one in each chain is named.
    """
    from orchestrator.domain.record import Counts, check

    counts, named, broken = Counts(), [], 0
    with _lines(file, data) as lines:
        for fault in check(lines, counts):
            broken += 1
            if broken <= MOST_FAULTS:
                named.append(fault)
                if not as_json:
                    typer.echo(harmless(str(fault)))
    if as_json:
        print_json(
            {
                **asdict(counts),
                "broken": broken,
                "faults": [{**asdict(fault), "says": str(fault)} for fault in named],
            }
        )
    else:
        typer.echo(_summary(counts, broken))
    raise typer.Exit(int(broken > 0))


@contextmanager
def _lines(file: Path | None, data: Path | None) -> Iterator[Iterable[JsonObject]]:
    if file is not None:
        with file.open(encoding="utf-8", errors="replace") as stream:
            yield map(_read, stream)
        return
    from orchestrator.cli.world import plain_store
    from orchestrator.usecases.operations.record import read_record

    with plain_store(data) as store:
        yield read_record(store)


def _read(line: str) -> JsonObject:
    """What a line says; nothing where it is not one of ours."""
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _summary(counts: Counts, broken: int) -> str:
    said = f"{counts.entries} entries in {counts.streams} streams"
    parts = [
        f"{said} are whole." if not broken else f"{broken} broken; {said} were looked at.",
        f"{counts.earlier} are from before entries had digests." if counts.earlier else "",
        f"{counts.purged} have lost people's words to a purge." if counts.purged else "",
    ]
    return " ".join(filter(None, parts))


class Format(StrEnum):
    """What an export is written as."""

    JSONL = "jsonl"
    CSV = "csv"


@audit.command()
def export(
    output: Annotated[
        Path | None, typer.Option("--output", help="A new file; else it is printed.")
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="Only JSON lines can be verified.")
    ] = Format.JSONL,
    *,
    deployment: Deployment = None,
    since: Time = None,
    until: Time = None,
    data: Data = None,
) -> None:
    """Write the timelines and the audit log, as JSON lines or CSV.

    What people said is in it, for as long as no purge has taken it away.
    """
    from orchestrator.cli.world import plain_store
    from orchestrator.usecases.operations.record import Part, read_record

    write = _write_csv if form is Format.CSV else _write_lines
    with plain_store(data) as store, _written(output) as stream:
        write(stream, read_record(store, Part(deployment, _utc(since), _utc(until))))


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at else None


@contextmanager
def _written(output: Path | None) -> Iterator[TextIO]:
    """A new file that only its user may read, or standard output; half an export is no file.

    Raises Invalid.
    """
    if output is None:
        yield sys.stdout
        return
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Invalid(f"{output} is there already: name another file.") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            yield stream
    except BaseException:
        output.unlink(missing_ok=True)
        raise


COLUMNS = (
    *("stream", "number", "place", "at", "actor", "event", "subject_id", "execution_id"),
    *("deployment", "task_name", "round", "details", "salt", "previous", "digest"),
)


def _write_lines(stream: TextIO, lines: Iterable[Mapping[str, Any]]) -> None:
    # Escaped: a text may have characters that no encoding has.
    stream.writelines(f"{json.dumps(line)}\n" for line in lines)


def _write_csv(stream: TextIO, lines: Iterable[Mapping[str, Any]]) -> None:
    """The entries alone, ``details`` as JSON."""
    table = csv.DictWriter(stream, COLUMNS, extrasaction="ignore")
    table.writeheader()
    for line in lines:
        if line["line"] == "entry":
            table.writerow({**line, "details": json.dumps(line["details"])})

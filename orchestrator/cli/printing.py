"""What commands print: tables for people, JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def print_json(value: object) -> None:
    """Print what a script reads."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_records(
    records: Iterable[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool
) -> None:
    """Print records whole as JSON, or these columns of them as a table."""
    if as_json:
        print_json([dict(record) for record in records])
        return
    table = Table(*(column.replace("_", " ") for column in columns), box=None, pad_edge=False)
    for record in records:
        table.add_row(*(escape(_cell(record.get(column))) for column in columns))
    Console(soft_wrap=True).print(table)


def print_result(record: Mapping[str, Any], sentence: str, *, as_json: bool) -> None:
    """Print what was done, as a record for scripts or as a sentence."""
    if as_json:
        print_json(dict(record))
    else:
        typer.echo(sentence)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return "yes" if value is True else str(value)

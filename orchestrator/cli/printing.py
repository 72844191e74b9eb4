"""What commands print: tables for people, JSON for scripts."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

BETWEEN = "  "

_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff]"  # halves of characters, which no encoding has
)


def harmless(text: str) -> str:
    """A text without what makes a terminal show something else than it says.

    It may be a model's, or a stranger's, and somebody decides by it.
    """
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def print_json(value: object) -> None:
    """Print what a script reads."""
    typer.echo(json_text(value, indent=2))


def json_text(value: object, indent: int | None = None) -> str:
    """JSON that is readable, with escapes for what terminals must not be sent."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def print_records(
    records: Iterable[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool
) -> None:
    """Print records whole as JSON, or these columns of them as a table.

    Nothing is cut: where a table is wider than the terminal, each record is a paragraph of lines.
    """
    found = [dict(record) for record in records]
    if as_json:
        print_json(found)
        return
    titles = [column.replace("_", " ") for column in columns]
    rows = [[_first_line(_cell(record.get(column))) for column in columns] for record in found]
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    room = _width()
    if room is None or sum(widths) + len(BETWEEN) * (len(widths) - 1) <= room:
        for row in (titles, *rows):
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            typer.echo(BETWEEN.join(cells).rstrip())
    else:
        whole = [[_cell(record.get(column)) for column in columns] for record in found]
        typer.echo("\n\n".join(_paragraph(titles, row) for row in whole))


def print_record(record: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one record: a line for each of its values, a long text on lines of its own."""
    if as_json:
        print_json(dict(record))
        return
    names = [name.replace("_", " ") for name in record]
    typer.echo(_paragraph(names, [_cell(value) for value in record.values()]))


def print_result(record: Mapping[str, Any], sentence: str, *, as_json: bool) -> None:
    """Print what was done, as a record for scripts or as a sentence."""
    if as_json:
        print_json(dict(record))
    else:
        typer.echo(harmless(sentence))


def _first_line(text: str) -> str:
    first, newline, _ = text.partition("\n")
    return f"{first} …" if newline else first


def _paragraph(names: Sequence[str], values: Sequence[str]) -> str:
    width = max(map(len, names), default=0)
    lines = []
    for name, value in zip(names, values, strict=True):
        if "\n" in value:
            lines += [f"{name}:", *(f"    {line}" for line in value.splitlines())]
        elif value:
            lines.append(f"{name.ljust(width)}{BETWEEN}{value}")
    return "\n".join(lines)


def _width() -> int | None:
    """The columns of the terminal; None where a file or another command reads."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size().columns
    return None


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    if isinstance(value, dict):
        return harmless(json.dumps(value, ensure_ascii=False))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return harmless(str(value))

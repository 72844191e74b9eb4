"""``orchestrator logs``: what all processes of this machine logged, of one execution or of all."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TextIO

import typer

from orchestrator.cli.application import Data
from orchestrator.cli.completion import execution_ids
from orchestrator.cli.connection import as_named, data_folder
from orchestrator.cli.printing import AsJson, harmless
from orchestrator.errors import InvalidSettings

SECONDS_BETWEEN_LOOKS = 0.2
"""No system tells portably that a file has grown, or that another one has its name."""

_SHOWN_FIRST = ("timestamp", "level", "event")
_LEFT_OUT = {*_SHOWN_FIRST, "logger"}

Execution = Annotated[
    str | None,
    typer.Argument(
        metavar="EXECUTION", help="Only the lines of this one.", autocompletion=execution_ids
    ),
]
Follow = Annotated[bool, typer.Option("--follow", "-F", help="Go on with lines as they come.")]


def logs(
    execution: Execution = None,
    data: Data = None,
    *,
    follow: Follow = False,
    as_json: AsJson = False,
) -> None:
    """Show what the processes of this machine logged."""
    from orchestrator.adapters.logs import log_files

    execution = execution and execution.lower()  # as ids are logged, however they are written
    newest = _newest(data)
    files = log_files(newest)
    if not files:
        raise InvalidSettings(
            f"There is no log at {newest}; `orchestrator up` keeps one. Name its data with --data."
        )
    try:
        for line in _lines(files, newest, follow=follow):
            if execution is None or execution in line:
                print(line if as_json else _readable(line, execution), flush=follow)  # noqa: T201 - a command
    except KeyboardInterrupt:
        raise typer.Exit from None


def _newest(data: Path | None) -> Path:
    """The file of the settings, or that of `up` in the data folder."""
    from orchestrator.cli.services import LOG_FILE

    named = os.environ.get("ORCHESTRATOR_LOG_FILE")
    if data is None and named:
        return as_named(named)
    return data_folder(data) / "logs" / LOG_FILE


def _lines(files: list[Path], newest: Path, *, follow: bool) -> Iterator[str]:
    """The lines of the files in turn; then those that are written, whatever file they go to."""
    for path in files:
        if path != newest:
            with path.open(encoding="utf-8", errors="replace") as file:
                yield from map(str.rstrip, file)
    while not newest.exists():
        if not follow:
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)
    file = newest.open(encoding="utf-8", errors="replace")
    while True:
        yield from _whole_lines(file)
        if not follow:
            break
        if _is_aside(file, newest):
            yield from _whole_lines(file)  # what came between the last look and the move
            file.close()
            file = newest.open(encoding="utf-8", errors="replace")
        time.sleep(SECONDS_BETWEEN_LOOKS)
    file.close()


def _whole_lines(file: TextIO) -> Iterator[str]:
    """The lines that are complete by now; one that is being written waits for its end."""
    while True:
        began = file.tell()
        line = file.readline()
        if not line.endswith("\n"):
            file.seek(began)
            return
        yield line.rstrip()


def _is_aside(file: TextIO, newest: Path) -> bool:
    """Whether the file was moved aside, and another one has its name."""
    try:
        return os.fstat(file.fileno()).st_ino != newest.stat().st_ino
    except FileNotFoundError:
        return False


def _readable(line: str, execution: str | None) -> str:
    try:
        said = json.loads(line)
    except ValueError:
        return harmless(line)
    first = "  ".join(str(said.get(name, "")) for name in _SHOWN_FIRST)
    rest = " ".join(
        f"{name}={value}"
        for name, value in said.items()
        if name not in _LEFT_OUT and value != execution
    )
    return harmless(f"{first}  {rest}".rstrip())

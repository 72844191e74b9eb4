"""The table of faults against counts, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields

from count_battle import Counts
from fight import Came

COLUMNS = [each.name for each in fields(Counts)]


def table(came: Sequence[Came]) -> str:
    """A line for each fault on each database, and one for all."""
    rows: dict[tuple[str, str], list[Came]] = {}
    for one in came:
        rows.setdefault((one.fault.name, one.database), []).append(one)
    head = ["fault", "on", "rounds", *COLUMNS, "wrong"]
    lines = [_line(head), _line("---" for _ in head)]
    lines += [_row(name, on, rows[name, on]) for name, on in sorted(rows)]
    return "\n".join([*lines, _row("**all**", "", came)]) + "\n"


def _row(name: str, database: str, came: Sequence[Came]) -> str:
    total = sum((one.counts for one in came), Counts())
    wrong = sum(not one.is_right for one in came)
    return _line([name, database, len(came), *astuple(total), wrong])


def _line(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"

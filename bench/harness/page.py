"""The figures as tables: for the terminal, and for the page of the documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.record import Figure, figure

Entry = Mapping[str, Any]


def table(records: Iterable[Entry]) -> str:
    """All figures as text, one a line."""
    lines = [f"{'':66}{'median':>10}{'quartiles':>22}{'aim':>16}  met"]
    for entry in records:
        lines += ["", f"{entry['title']} ({entry['form']}, {entry['seconds']:.0f} s)"]
        lines += [_line(figure(each)) for each in entry["figures"]]
        lines += [f"  missing: {each}" for each in entry["missing"]]
    return "\n".join(lines)


def _line(found: Figure) -> str:
    spread = found.spread
    quartiles = f"{number(spread.low)} to {number(spread.high)}"
    return (
        f"  {label(found):64}{number(spread.median):>10}{quartiles:>22}"
        f"{aim_text(found):>16}  {found.verdict}"
    )


def label(found: Figure) -> str:
    """What the figure is of, and its unit or what it is measured beside."""
    return f"{found.what}, by {found.beside}" if found.beside else f"{found.what} ({found.unit})"


def aim_text(found: Figure) -> str:
    """The aim in words; empty without one."""
    if found.aim is None:
        return ""
    part = {"median": "", "high": " (upper quartile)", "most": " (worst)", "low": " (lower quartile)"}
    return f"{'≤' if found.aim.how == 'at most' else '≥'} {found.aim.value:g}{part[found.aim.of]}"


def number(value: float) -> str:
    """Three digits, and all of those before the point."""
    if value and abs(value) < 0.001:
        return f"{value:.1e}"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 4
    return f"{value:,.{digits}f}"


def markdown(entry: Entry) -> str:
    """The figures of one bench as a table of the page."""
    lines = ["| | median | quartiles | aim | met |", "|---|---:|---:|---|---|"]
    for each in entry["figures"]:
        found = figure(each)
        quartiles = f"{number(found.spread.low)} to {number(found.spread.high)}"
        cells = (label(found), number(found.spread.median), quartiles)
        lines.append(f"| {' | '.join((*cells, aim_text(found), found.verdict))} |")
    lines += ["", *(f"Not measured: {each}" for each in entry["missing"])]
    return "\n".join(lines).rstrip()

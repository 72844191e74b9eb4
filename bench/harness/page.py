"""The figures as tables: for the terminal, and for the page of the documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.record import Figure, figure

Entry = Mapping[str, Any]


def table(records: Iterable[Entry]) -> str:
    """The ratios, and what has an aim, as text, one a line; the records have the rest."""
    lines = [f"{'':92}{'median':>10}{'quartiles':>22}{'aim':>16}  met"]
    for entry in records:
        lines += ["", f"{entry['title']} ({entry['form']}, {entry['seconds']:.0f} s)"]
        found = [figure(each) for each in entry["figures"]]
        lines += [_line(each) for each in found if each.aim or each.beside]
        lines += [f"  missing: {each}" for each in entry["missing"]]
    return "\n".join(lines)


def _line(found: Figure) -> str:
    spread = found.spread
    quartiles = f"{number(spread.low)} to {number(spread.high)}"
    return (
        f"  {label(found):90}{number(spread.median):>10}{quartiles:>22}"
        f"{aim_text(found):>16}  {found.verdict}"
    )


def label(found: Figure) -> str:
    """What the figure is of, and its unit or what it is measured beside."""
    return f"{found.what}, by {found.beside}" if found.beside else f"{found.what} ({found.unit})"


def aim_text(found: Figure) -> str:
    """The aim in words; empty without one."""
    if found.aim is None:
        return ""
    part = {
        "median": "",
        "high": " (upper quartile)",
        "most": " (worst)",
        "low": " (lower quartile)",
    }
    return f"{'≤' if found.aim.how == 'at most' else '≥'} {found.aim.value:g}{part[found.aim.of]}"


def number(value: float) -> str:
    """Three digits, and all of those before the point."""
    if value and abs(value) < 0.001:
        return f"{value:.1e}"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 4
    return f"{value:,.{digits}f}"


ORDER = (
    "cycle", "step", "service_cycle", "start", "load", "idle", "history", "outputs",
    "flows", "webhooks", "races", "storm", "inbox", "analytics", "listeners", "waiting",
)  # fmt: skip
"""In which order the page shows them."""


def ordered(records: Mapping[str, Entry]) -> list[Entry]:
    """The records in the order of the page."""
    return [records[name] for name in ORDER if name in records]


def all_markdown(records: Mapping[str, Entry]) -> str:
    """Every record as a section of the page."""
    return "\n\n".join(_section(entry) for entry in ordered(records))


def _section(entry: Entry) -> str:
    made, scale = entry["machine"], ", ".join(f"{v} {k}" for k, v in entry["scale"].items())
    facts = (
        f"`{entry['bench']}`, {entry['form']} form ({scale}; {entry['seconds']:.0f} s), "
        f"{entry['date'][:10]}, commit {entry['commit']}; {made['cores']} cores, "
        f"{made['processor']}, Python {made['python']}."
    )
    return f"## {entry['title']}\n\n{facts}\n\n{markdown(entry)}"


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

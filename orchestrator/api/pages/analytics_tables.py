"""The figures as tables: what the page shows, and what is taken away as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import Any

from markupsafe import Markup

from orchestrator.api.drawing.charts import Bar, draw_bars, draw_columns
from orchestrator.api.drawing.execution_graph import took
from orchestrator.domain.analytics import Analytics, Volume

MOST_LINES = 50
"""Of a table on the page; all of it is in its CSV file."""

_DAYS_APART = {"days": 1, "weeks": 7}
"""The tables whose lines are times, and how far apart these are."""

_FORMULA = tuple("=+-@\t\r\n")
"""With what a spreadsheet takes a text for something to run."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: what it is about, its columns by field, its lines, and how one is drawn."""

    key: str
    title: str
    columns: Mapping[str, str]
    lines: Sequence[Any]
    bar: Callable[[Any], Bar] | None = None
    note: str = ""

    @property
    def drawn(self) -> Markup | None:
        """Its chart; None where there is nothing to draw."""
        if self.bar is None or not self.lines:
            return None
        if self.key in _DAYS_APART:
            lines = every_one(self.lines, _DAYS_APART[self.key])
            return draw_columns(self.key, self.title, [self.bar(line) for line in lines])
        return draw_bars(self.key, self.title, [self.bar(line) for line in self.lines])

    @property
    def shown(self) -> list[list[str]]:
        """The cells of its first lines, as people read them."""
        return [
            [_cell(name, getattr(line, name)) for name in self.columns]
            for line in self.lines[:MOST_LINES]
        ]

    @property
    def csv(self) -> str:
        """All of it, for a spreadsheet, in which no text is a formula."""
        written = io.StringIO()
        writer = csv.writer(written)
        writer.writerow(self.columns)
        writer.writerows(
            [harmless(getattr(line, name)) for name in self.columns] for line in self.lines
        )
        return written.getvalue()


def every_one(volumes: Sequence[Volume], days: int) -> list[Volume]:
    """The days or weeks in their order, also those between them in which nothing was closed."""
    known = {date.fromisoformat(each.day).toordinal(): each for each in volumes}
    places = range(min(known), max(known) + 1, days)
    return [known.get(at) or Volume(date.fromordinal(at).isoformat(), 0) for at in places]


def harmless(value: object) -> object:
    """A cell that no spreadsheet runs; a number stays one."""
    if not isinstance(value, str):
        return round(value, 1) if isinstance(value, float) else value
    return f"'{value}" if value.lstrip(" ").startswith(_FORMULA) else value


def _cell(name: str, value: object) -> str:
    if name.endswith("_seconds") and isinstance(value, float):
        return took(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


_DEPLOYMENT = {"deployment": "Deployment"}
_TIMES = {"reviews": "Answers", "median_seconds": "Median", "p90_seconds": "9 of 10 within"}


def tables(found: Analytics) -> list[Table]:
    """All of them, in the order of the page."""
    by_task = {**_DEPLOYMENT, "task_name": "Task", **_TIMES}
    note = "The first bar is the median, the second, dashed, what nine of ten took at most."
    return [
        _table(
            "by_deployment",
            "Time to an answer, by deployment",
            {**_DEPLOYMENT, **_TIMES},
            found.by_deployment,
            _times("deployment"),
            note,
        ),
        _table(
            "by_task",
            "Time to an answer, by task",
            by_task,
            found.by_task,
            _times("task_name"),
            note,
        ),
        _table(
            "by_person",
            "Time to an answer, by person",
            {"person": "Person", **_TIMES},
            found.by_person,
            _times("person"),
            note,
        ),
        _table(
            "days",
            "Closed reviews by day",
            {"day": "Day", "reviews": "Reviews"},
            found.days,
            _counts("day", "reviews"),
        ),
        _table(
            "weeks",
            "Closed reviews by week",
            {"day": "Week from", "reviews": "Reviews"},
            found.weeks,
            _counts("day", "reviews"),
        ),
        _table(
            "outcomes",
            "What became of them",
            {**_DEPLOYMENT, "outcome": "Outcome", "reviews": "Reviews"},
            found.outcomes,
            _counts("outcome", "reviews", of="deployment"),
        ),
        _table(
            "rounds",
            "Rounds to an approval",
            {**_DEPLOYMENT, "rounds": "Round", "approvals": "Approvals"},
            found.rounds,
            _counts("rounds", "approvals", of="deployment"),
        ),
        _table(
            "kept",
            "Targets and deadlines",
            {**_DEPLOYMENT, "term": "Term", "kept": "Kept", "missed": "Missed"},
            found.kept,
            _kept,
            "The first bar is how often it was kept, the second missed.",
        ),
        _table(
            "rejected",
            "What rejected rounds cost",
            {**_DEPLOYMENT, "task_name": "Task", "rounds": "Rounds", "tokens": "Tokens"},
            found.rejected,
            _counts("task_name", "tokens", of="deployment"),
        ),
    ]


def _table(
    key: str,
    title: str,
    columns: Mapping[str, str],
    lines: Sequence[Any],
    bar: Callable[[Any], Bar],
    note: str = "",
) -> Table:
    return Table(key, title, columns, lines, bar, note)


def _times(label: str) -> Callable[[Any], Bar]:
    def bar(line: Any) -> Bar:
        both = (line.median_seconds, line.p90_seconds)
        of = f" ({line.deployment})" if label == "task_name" else ""
        return Bar(f"{getattr(line, label)}{of}", both, tuple(took(each) for each in both))

    return bar


def _counts(label: str, value: str, of: str | None = None) -> Callable[[Any], Bar]:
    read, count = attrgetter(label), attrgetter(value)

    def bar(line: Any) -> Bar:
        name = f"{read(line)}" if of is None else f"{read(line)} ({getattr(line, of)})"
        return Bar(name, (count(line),), (f"{count(line):,}",))

    return bar


def _kept(line: Any) -> Bar:
    said = (f"{line.kept:,} kept", f"{line.missed:,} missed")
    return Bar(f"{line.term} ({line.deployment})", (line.kept, line.missed), said)

"""The calendars of the file: when people work."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, PlainValidator, model_validator

from orchestrator.adapters.deployment_file.values import Table
from orchestrator.domain.review_policy import Calendar

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_NEEDS_ICALENDAR = "orchestrator.adapters.deployment_file.holidays"
"""The module that imports icalendar. It is imported by name, and only where it is wanted."""

_SPAN = re.compile(r"(\d\d):(\d\d) ?- ?(\d\d):(\d\d)")
_WEEK = 7 * 24 * 60

Spans: TypeAlias = tuple[tuple[time, time], ...]


def _span(value: object) -> tuple[time, time]:
    written = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if not written:
        raise ValueError(f"{value!r} is no span of the day such as '09:00-17:00'")
    begins, ends = ":".join(written.group(1, 2)), ":".join(written.group(3, 4))
    if begins == ends:
        raise ValueError(f"{value!r} is no time at all; a whole day is '00:00-24:00'")
    try:
        return time.fromisoformat(begins), time.fromisoformat("00:00" if ends == "24:00" else ends)
    except ValueError:
        raise ValueError(f"{value!r} is no span of the day: hours end at 24:00") from None


def _spans(value: object) -> Spans:
    written = value if isinstance(value, list) else [value]
    return tuple(sorted(map(_span, written)))


def _hours(value: object) -> Spans | dict[int, Spans]:
    """Read the spans of every day, or a table with those of each."""
    if not isinstance(value, dict):
        return _spans(value)
    for day in value:
        _day(day)
    return {DAYS.index(day): _spans(spans) for day, spans in value.items()}


def _day(value: object) -> int:
    if value not in DAYS:
        raise ValueError(f"{value!r} is no day: these are {', '.join(DAYS)}")
    return DAYS.index(str(value))


def _date(value: object) -> date:
    if type(value) is date:  # TOML has dates of its own
        return value
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(f"{value!r} is no date such as '2026-12-25'") from None


def _zone(value: object) -> str:
    if not isinstance(value, str) or value not in _zones():
        raise ValueError(f"{value!r} is no time zone such as 'Europe/Berlin'")
    return ZoneInfo(value).key


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


class CalendarTable(Table):
    """One calendar as it is written."""

    time_zone: Annotated[str, PlainValidator(_zone)]
    days: list[Annotated[int, PlainValidator(_day)]] | None = Field(None, min_length=1)
    hours: Annotated[Spans | dict[int, Spans], PlainValidator(_hours)]
    holidays: list[Annotated[date, PlainValidator(_date)]] = Field(default_factory=list)
    holidays_file: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _works(self) -> CalendarTable:
        if isinstance(self.hours, dict) and self.days is not None:
            raise ValueError("'hours' says which days there are: take 'days' away")
        if not isinstance(self.hours, dict) and self.days is None:
            raise ValueError("needs 'days', such as ['mon', 'tue', 'wed', 'thu', 'fri']")
        if not any(self._week.values()):
            raise ValueError("'hours' has none: nobody would ever work")
        if (fault := _overlap(self._week)) is not None:
            raise ValueError(fault)
        return self

    @property
    def _week(self) -> dict[int, Spans]:
        if isinstance(self.hours, dict):
            return self.hours
        return dict.fromkeys(self.days or (), self.hours)

    def calendar(self, name: str, folder: Path) -> Calendar:
        """The calendar; its file of holidays is looked for in the folder.

        Raises ValueError, whose message begins with the key.
        """
        holidays = set(self.holidays)
        if self.holidays_file is not None:
            holidays |= _holidays_in(folder / self.holidays_file)
        return Calendar(name, self.time_zone, self._week, frozenset(holidays))


def _overlap(week: Mapping[int, Spans]) -> str | None:
    """Say which spans overlap, also over midnight and over the end of the week."""
    spans = sorted(_minutes(day, span) for day, spans in week.items() for span in spans)
    around = [*spans, (spans[0][0] + _WEEK, spans[0][1] + _WEEK, spans[0][2])]
    for (_, ends, one), (begins, _, other) in pairwise(around):
        if begins < ends:
            return f"'hours' overlap: {one} and {other}"
    return None


def _minutes(day: int, span: Sequence[time]) -> tuple[int, int, str]:
    """Begin and end in minutes of the week, and the span in words."""
    begins, ends = (at.hour * 60 + at.minute for at in span)
    midnight = day * 24 * 60
    over = 24 * 60 if ends <= begins else 0
    words = f"{DAYS[day]} {span[0]:%H:%M}-{span[1]:%H:%M}"
    return midnight + begins, midnight + ends + over, words


def _holidays_in(path: Path) -> frozenset[date]:
    try:
        reader = importlib.import_module(_NEEDS_ICALENDAR)
    except ImportError as missing:
        install = "pip install 'crew-orchestrator[calendars]'"
        raise ValueError(f"holidays_file: to read it, {install}: {missing}") from missing
    try:
        found: frozenset[date] = reader.holidays_in(path.read_bytes(), datetime.now(UTC).year)
    except OSError as wrong:
        raise ValueError(f"holidays_file: {path}: {wrong.strerror}") from wrong
    except ValueError as wrong:
        raise ValueError(f"holidays_file: {path}: {wrong}") from wrong
    return found

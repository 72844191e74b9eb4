"""Reads the whole days of an iCalendar file (RFC 5545). Needs the extra ``calendars``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from dateutil.rrule import rrulestr
from icalendar import Calendar, Event

YEARS_BACK = 1
YEARS_AHEAD = 11
"""A day that comes every year is known for so long: longer than anything waits."""

LONGEST = timedelta(days=366)
"""Of one event."""


def holidays_in(content: bytes, year: int) -> frozenset[date]:
    """The days of all events that last whole days; of those that repeat, around that year.

    Raises ValueError where it is no iCalendar file, has no such events, or one cannot be read.
    """
    try:
        calendars = Calendar.from_ical(content, multiple=True)
    except (ValueError, LookupError) as wrong:
        raise ValueError(f"is no iCalendar file: {wrong}") from wrong
    events = (event for calendar in calendars for event in calendar.events)
    days = frozenset(day for event in events for day in _days_of(event, year))
    if not days:
        raise ValueError("has no events that last a whole day (DTSTART;VALUE=DATE)")
    return days


def _days_of(event: Event, year: int) -> list[date]:
    try:
        return list(_read(event, year))
    except (ValueError, TypeError, AttributeError, LookupError) as wrong:
        name = event.get("SUMMARY", event.get("UID", "without a name"))
        raise ValueError(f"the event {str(name)!r} cannot be read: {wrong}") from wrong


def _read(event: Event, year: int) -> Iterator[date]:
    """The days of an event; none where it begins at a time of day, or was cancelled."""
    if isinstance(event.start, datetime) or event.get("STATUS") == "CANCELLED":
        return
    length = event.end - event.start
    if length > LONGEST:
        raise ValueError("it lasts longer than a year")
    for first in _beginnings(event, year):
        yield from (first + timedelta(days=number) for number in range(length.days))


def _beginnings(event: Event, year: int) -> set[date]:
    """The event's first day, and those of its repetitions."""
    found = {event.start, *(_as_date(each) for each, _ in event.rdates)}
    from_, to = (_midnight(date(year + by, 1, 1)) for by in (-YEARS_BACK, YEARS_AHEAD))
    for rule in event.rrules:
        if rule.get("FREQ") != ["YEARLY"]:
            raise ValueError("it repeats, and not FREQ=YEARLY")
        until = min(map(_as_date, rule.pop("UNTIL", [])), default=date.max)
        yearly = rrulestr(rule.to_ical().decode(), dtstart=_midnight(event.start))
        days = (each.date() for each in yearly.between(from_, to, inc=True))
        found |= {day for day in days if day <= until}
    return found - set(map(_as_date, event.exdates))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _as_date(moment: date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment

"""When a length of time has passed, on the clock or in the hours that people work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, islice
from zoneinfo import ZoneInfo

from orchestrator.domain.review_policy import Calendar, Duration

_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_EARLIER_DAYS = 2
"""A span of the day before may reach into this one; and zones have skipped a day."""


def later(start: datetime, duration: Duration, calendar: Calendar | None) -> datetime:
    """The moment, in UTC, at which the duration has passed since ``start`` (which has a zone).

    Time on the clock adds up. Of working time only what the calendar works counts, so that the end
    of a day's work is an answer, and the next morning is not. A working day leads to the same local
    time of day on the next day with hours, moved into these where it lies outside; a start outside
    all hours counts as the next moment of work.

    Raises ValueError for working time without a calendar, or with one that never works.
    """
    if not duration.working:
        return start.astimezone(UTC) + duration.length
    if calendar is None or not calendar.works:
        raise ValueError("working time needs a calendar with hours")
    if duration.days:
        return _days_on(start, duration.days, calendar)
    return _worked(start, duration.length, calendar)


def _worked(start: datetime, length: timedelta, calendar: Calendar) -> datetime:
    """The first moment at which that much has been worked since ``start``."""
    moment, left = start.astimezone(UTC), length
    spans = _spans(calendar, start)
    while left:
        _, begins, ends = next(spans)
        moment = max(begins, moment)
        passed = min(ends - moment, left)
        moment, left = moment + passed, left - passed
    return moment


def _days_on(start: datetime, days: int, calendar: Calendar) -> datetime:
    zone = ZoneInfo(calendar.zone)
    first, begins, _ = next(_spans(calendar, start))
    begins = max(begins, start.astimezone(UTC))
    clock = begins.astimezone(zone).replace(tzinfo=None) - datetime.combine(first, time())
    ahead = (first + _DAY * number for number in count(1))
    working = ((day, spans) for day in ahead if (spans := _spans_of(calendar, day, zone)))
    day, spans = next(islice(working, days - 1, None))
    wanted = _first_moment(datetime.combine(day, time()) + clock, zone)
    return next((max(begin, wanted) for begin, end in spans if end >= wanted), spans[-1][1])


def _spans(calendar: Calendar, start: datetime) -> Iterator[tuple[date, datetime, datetime]]:
    """The spans of work that end after ``start``, in UTC, each with the day it belongs to."""
    zone = ZoneInfo(calendar.zone)
    first = start.astimezone(zone).date() - _DAY * _EARLIER_DAYS
    days = (first + _DAY * number for number in count())
    return (
        (day, begins, ends)
        for day in days
        for begins, ends in _spans_of(calendar, day, zone)
        if ends > start
    )


def _spans_of(calendar: Calendar, day: date, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """The spans that begin on that day, in UTC; without one that the zone's clocks skip."""
    spans = []
    for begins, ends in calendar.hours_of(day):
        last = day if begins < ends else day + _DAY
        begin = _first_moment(datetime.combine(day, begins), zone)
        end = _first_moment(datetime.combine(last, ends), zone)
        if begin < end:
            spans.append((begin, end))
    return spans


def _first_moment(clock: datetime, zone: ZoneInfo) -> datetime:
    """The first moment at which the zone's clocks show that time or a later one.

    Of a time that comes twice it is the first; of one that is skipped, the end of the gap.
    """
    moment = clock.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == clock:
        return moment
    before = clock.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while moment - before > _MICROSECOND:
        middle = before + (moment - before) / 2
        if middle.astimezone(zone).replace(tzinfo=None) < clock:
            before = middle
        else:
            moment = middle
    return moment

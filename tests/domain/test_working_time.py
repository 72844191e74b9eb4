from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from time import tzset
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orchestrator.domain.review_policy import Calendar, Duration
from orchestrator.domain.working_time import later

NINE_TO_FIVE = ((time(9), time(17)),)
NIGHT = ((time(22), time(6)),)
WEEKDAYS = range(5)
BERLIN = Calendar(
    "office",
    "Europe/Berlin",
    dict.fromkeys(WEEKDAYS, NINE_TO_FIVE),
    frozenset({date(2026, 12, 25), date(2027, 1, 1)}),
)
SHORT_FRIDAY = Calendar(
    "short",
    "Europe/Berlin",
    {
        **{day: ((time(9), time(12)), (time(13), time(17))) for day in range(4)},
        4: ((time(9), time(13)),),
    },
)
NIGHTS = Calendar("nights", "Europe/Berlin", dict.fromkeys(range(7), NIGHT))
ALWAYS = Calendar("always", "Europe/Berlin", {day: ((time(0), time(0)),) for day in range(7)})
SMALL_HOURS = Calendar("small", "Europe/Berlin", {6: ((time(2, 30), time(5)),)})
NEW_YORK = Calendar("ny", "America/New_York", dict.fromkeys(WEEKDAYS, NINE_TO_FIVE))
KOLKATA = Calendar("in", "Asia/Kolkata", {day: ((time(9, 30), time(18)),) for day in range(6)})
APIA = Calendar("apia", "Pacific/Apia", dict.fromkeys(range(7), NINE_TO_FIVE))
LONG_THURSDAY = Calendar("long", "Pacific/Niue", {3: ((time(23, 45), time(23, 40)),)})
CALENDARS = [BERLIN, SHORT_FRIDAY, NIGHTS, ALWAYS, SMALL_HOURS, NEW_YORK, KOLKATA]


def at(local: str, zone: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone), fold=fold)


def hours(number: float) -> Duration:
    return Duration(timedelta(hours=number), working=True)


def days(number: int) -> Duration:
    return Duration(working=True, days=number)


@pytest.mark.parametrize(
    ("calendar", "start", "duration", "end"),
    [
        # 2026-11-26 is a Thursday.
        (BERLIN, "2026-11-26T10:00", hours(4), "2026-11-26T14:00"),
        (BERLIN, "2026-11-26T10:00", hours(7), "2026-11-26T17:00"),  # the end of the day itself
        (BERLIN, "2026-11-26T15:00", hours(4), "2026-11-27T11:00"),
        (BERLIN, "2026-11-27T15:00", hours(4), "2026-11-30T11:00"),  # over a weekend
        (BERLIN, "2026-11-27T17:00", hours(1), "2026-11-30T10:00"),
        (BERLIN, "2026-11-28T12:00", hours(1), "2026-11-30T10:00"),
        (BERLIN, "2026-11-26T07:00", hours(0.5), "2026-11-26T09:30"),
        (BERLIN, "2026-12-24T16:00", hours(2), "2026-12-28T10:00"),  # a holiday and a weekend
        (BERLIN, "2026-11-23T09:00", hours(400), "2027-02-02T17:00"),  # 50 days, 2 more are off
        (SHORT_FRIDAY, "2026-11-26T11:30", hours(1), "2026-11-26T13:30"),  # over lunch
        (SHORT_FRIDAY, "2026-11-27T12:00", hours(2), "2026-11-30T10:00"),
        (NIGHTS, "2026-11-26T21:00", hours(8), "2026-11-27T06:00"),
        (NIGHTS, "2026-11-26T02:00", hours(5), "2026-11-26T23:00"),
        (NEW_YORK, "2026-11-27T16:30", hours(1), "2026-11-30T09:30"),
        (KOLKATA, "2026-11-28T17:00", hours(2), "2026-11-30T10:30"),  # works on Saturdays
        # Both changes: clocks go from 2 to 3 on 2026-03-29, from 3 to 2 on 2026-10-25.
        (NIGHTS, "2026-03-28T22:00", hours(7), "2026-03-29T06:00"),
        (NIGHTS, "2026-03-28T22:00", hours(8), "2026-03-29T23:00"),
        (NIGHTS, "2026-10-24T22:00", hours(9), "2026-10-25T06:00"),
        (NIGHTS, "2026-10-24T22:00", hours(10), "2026-10-25T23:00"),
        (BERLIN, "2026-03-27T16:00", hours(2), "2026-03-30T10:00"),
        (NEW_YORK, "2026-10-30T16:00", hours(2), "2026-11-02T10:00"),
        # 02:30 does not exist on 2026-03-29: work begins at 03:00, two hours before its end.
        (SMALL_HOURS, "2026-03-28T12:00", hours(2), "2026-03-29T05:00"),
        (SMALL_HOURS, "2026-03-28T12:00", hours(2.5), "2026-04-05T03:00"),
        # 02:30 comes twice on 2026-10-25: work begins the first time, and has 3.5 hours.
        (SMALL_HOURS, "2026-10-24T12:00", hours(3.5), "2026-10-25T05:00"),
        # Working days: to the same time of day.
        (BERLIN, "2026-11-26T10:15", days(1), "2026-11-27T10:15"),
        (BERLIN, "2026-11-27T10:15", days(1), "2026-11-30T10:15"),
        (BERLIN, "2026-11-28T10:15", days(1), "2026-12-01T09:00"),  # counts as Monday at 9
        (BERLIN, "2026-11-27T17:00", days(1), "2026-12-01T09:00"),  # and so does the end of Friday
        (BERLIN, "2026-11-26T20:00", days(1), "2026-11-30T09:00"),  # counts as Friday at 9
        (BERLIN, "2026-12-23T12:00", days(2), "2026-12-28T12:00"),
        (BERLIN, "2026-03-27T12:00", days(1), "2026-03-30T12:00"),  # 71 hours, not 72
        (BERLIN, "2026-10-23T12:00", days(1), "2026-10-26T12:00"),
        (SHORT_FRIDAY, "2026-11-26T16:00", days(1), "2026-11-27T13:00"),  # moved into its hours
        (SHORT_FRIDAY, "2026-11-27T12:30", days(1), "2026-11-30T13:00"),
        (SHORT_FRIDAY, "2026-11-27T12:00", days(1), "2026-11-30T12:00"),  # as lunch begins
        (NIGHTS, "2026-11-26T23:00", days(1), "2026-11-27T23:00"),
        (NIGHTS, "2026-11-26T02:00", days(1), "2026-11-27T02:00"),
        (NIGHTS, "2026-03-28T02:30", days(1), "2026-03-29T03:00"),  # 02:30 does not exist
        (NEW_YORK, "2026-10-30T12:00", days(1), "2026-11-02T12:00"),
        (KOLKATA, "2026-11-27T12:00", days(2), "2026-11-30T12:00"),
        # Samoa skipped 2011-12-30.
        (APIA, "2011-12-29T12:00", hours(6), "2011-12-31T10:00"),
        (APIA, "2011-12-29T12:00", days(1), "2011-12-31T12:00"),
    ],
)
def test_working_time_is_counted_on_the_local_clock(
    calendar: Calendar, start: str, duration: Duration, end: str
) -> None:
    expected = at(end, calendar.zone).astimezone(UTC)
    assert later(at(start, calendar.zone), duration, calendar) == expected


@pytest.mark.parametrize(("fold", "end"), [(0, "2026-10-25T02:30"), (1, "2026-10-25T03:30")])
def test_a_time_that_comes_twice_is_two_times(fold: int, end: str) -> None:
    start = at("2026-10-25T02:30", "Europe/Berlin", fold)
    expected = at(end, "Europe/Berlin", fold=1).astimezone(UTC)
    assert later(start, hours(1), NIGHTS) == expected


def test_time_on_the_clock_adds_up_whatever_the_calendar() -> None:
    start = at("2026-03-28T12:00", "Europe/Berlin")
    found = later(start, Duration(timedelta(days=1)), BERLIN)
    assert (found, found.tzinfo) == (at("2026-03-29T13:00", "Europe/Berlin"), UTC)


@pytest.mark.parametrize("calendar", [None, Calendar("never", "UTC", {0: ()})])
def test_working_time_needs_hours(calendar: Calendar | None) -> None:
    with pytest.raises(ValueError, match=r"^working time needs a calendar with hours$"):
        later(datetime(2026, 11, 26, tzinfo=UTC), hours(1), calendar)


@pytest.fixture(params=["<+01>-1", "<+14>-14"])
def clock_of_the_machine(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Its zone, as POSIX writes it: so many hours ahead of UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        tzset()
        yield
    tzset()


@pytest.mark.usefixtures("clock_of_the_machine")
@pytest.mark.parametrize(
    ("calendar", "start", "duration", "end"),
    [
        (BERLIN, "2026-11-26T10:00", Duration(timedelta(hours=1)), "2026-11-26T11:00"),
        (BERLIN, "2026-11-26T10:00", hours(1), "2026-11-26T11:00"),
        (BERLIN, "2026-11-26T07:00", hours(1), "2026-11-26T10:00"),
        (BERLIN, "2026-11-26T10:00", days(1), "2026-11-27T10:00"),
        (SMALL_HOURS, "2026-03-28T12:00", hours(2), "2026-03-29T05:00"),
        (LONG_THURSDAY, "2026-11-27T23:30", hours(0.1), "2026-11-27T23:36"),
    ],
)
def test_the_clock_of_the_machine_does_not_matter(
    calendar: Calendar, start: str, duration: Duration, end: str
) -> None:
    found = later(at(start, calendar.zone), duration, calendar)
    assert (found, found.tzinfo) == (at(end, calendar.zone), UTC)


CHANGES = ["2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-12-25"]
starts = st.builds(
    lambda day, minutes: datetime.fromisoformat(f"{day}T12:00Z") + timedelta(minutes=minutes),
    st.sampled_from(CHANGES),
    st.integers(-4 * 1440, 2 * 1440),
)
lengths = st.integers(0, 10 * 60).map(lambda minutes: timedelta(minutes=minutes))
calendars = st.sampled_from(CALENDARS)


def worked(length: timedelta) -> Duration:
    return Duration(length, working=True)


@given(calendar=calendars, start=starts, sooner=lengths, more=lengths)
def test_lengths_add_up(
    calendar: Calendar, start: datetime, sooner: timedelta, more: timedelta
) -> None:
    between = later(start, worked(sooner), calendar)
    found = later(start, worked(sooner + more), calendar)

    assert start <= between <= found == later(between, worked(more), calendar)


@given(calendar=calendars, start=starts, length=lengths, more=lengths)
def test_a_later_start_never_ends_sooner(
    calendar: Calendar, start: datetime, length: timedelta, more: timedelta
) -> None:
    ends = [later(each, worked(length), calendar) for each in (start, start + more)]
    assert ends[0] <= ends[1]


@given(calendar=calendars, start=starts, number=st.integers(1, 9), more=lengths)
def test_working_days_never_run_backwards(
    calendar: Calendar, start: datetime, number: int, more: timedelta
) -> None:
    zone = ZoneInfo(calendar.zone)
    assume(not any(each.astimezone(zone).fold for each in (start, start + more)))
    found = later(start, days(number), calendar)

    assert start < found < later(start, days(number + 1), calendar)
    assert found <= later(start + more, days(number), calendar)


@settings(deadline=None, max_examples=60)
@given(calendar=calendars, start=starts, length=lengths)
def test_what_was_worked_between_is_the_length(
    calendar: Calendar, start: datetime, length: timedelta
) -> None:
    found = later(start, worked(length), calendar)
    minutes = minutes_worked(calendar, start, found)

    assert timedelta(minutes=sum(minutes)) == length
    assert not minutes or minutes[-1], "the last minute is worked: no later than need be"


def minutes_worked(calendar: Calendar, start: datetime, end: datetime) -> list[bool]:
    """Whether each minute is worked, read off a clock on the wall.

    It is the latest time that the clock has shown: in an hour that comes twice, work goes on if it
    did at the first one's end.
    """
    zone, minute = ZoneInfo(calendar.zone), timedelta(minutes=1)
    moment = start - timedelta(hours=3)
    shown = moment.astimezone(zone).replace(tzinfo=None)
    found = []
    while moment < end:
        shown = max(shown, moment.astimezone(zone).replace(tzinfo=None))
        if moment >= start:
            found.append(works_at(calendar, shown))
        moment += minute
    return found


def works_at(calendar: Calendar, shown: datetime) -> bool:
    yesterday = shown.date() - timedelta(days=1)
    return any(
        begins <= shown.time() and (shown.time() < ends or ends <= begins)
        for begins, ends in spans_on(calendar, shown.date())
    ) or any(shown.time() < ends <= begins for begins, ends in spans_on(calendar, yesterday))


def spans_on(calendar: Calendar, day: date) -> tuple[tuple[time, time], ...]:
    return calendar.hours[day.weekday()] if is_open(calendar, day) else ()


def is_open(calendar: Calendar, day: date) -> bool:
    return day.weekday() in calendar.hours and day not in calendar.holidays

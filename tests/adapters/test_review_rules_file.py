import sys
from datetime import date, time, timedelta
from pathlib import Path

import pytest

from orchestrator.adapters.deployment_file import load_deployments
from orchestrator.domain.review_policy import (
    Ask,
    Automatic,
    Calendar,
    Duration,
    Group,
    ReviewPolicy,
    Rule,
    Rung,
    Source,
)
from orchestrator.errors import InvalidSettings

CREW = '[deployments.research]\ncrew = "a:b"\n'
OWNED = f'{CREW}creator = "owner@x.com"\n'
FLOW = '[deployments.research]\nflow = "a:b"\n'
LEGAL = '[groups.legal]\nmembers = ["ben@x.com", "cy@x.com"]\n'
OFFICE = """
    [calendars.office]
    time_zone = "Europe/Berlin"
    days = ["mon", "tue", "wed", "thu", "fri"]
    hours = "09:00-17:00"
"""
RULE = '[[deployments.research.reviews]]\nask = ["ann@x.com"]\n'


def load(folder: Path, text: str) -> ReviewPolicy:
    path = folder / "deployments.toml"
    path.write_text(text, encoding="utf-8")
    return load_deployments(path).get("research").review_policy


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(InvalidSettings) as refused:
        load(folder, text)
    return refused.value.message.removeprefix(f"{folder / 'deployments.toml'}: ")


def days(number: float) -> Duration:
    return Duration(timedelta(days=number))


def test_every_key_is_read(tmp_path: Path) -> None:
    text = f"""{OWNED}{OFFICE}
        holidays = ["2026-12-25", 2027-01-01]

        [groups.legal]
        members = ["Ben@x.com", "cy@x.com", "ben@x.com"]
        claim_timeout = "4h"

        [[deployments.research.reviews]]
        match = "draft*"
        ask = ["Ann@x.com", "group:legal", "field:account.owner"]
        decisions = {{ of = 2 }}
        four_eyes = true
        careful = true
        calendar = "office"
        remind_after = "90 working minutes"
        escalate = [
            {{ after = "4 working hours", ask = ["boss@x.com"] }},
            {{ after = "2d", ask = ["group:legal"] }},
        ]
        answer_after = "3d"
        answer = {{ reject = "too late" }}
        sla = "2 working days"

        [[deployments.research.reviews]]
    """
    hours = dict.fromkeys(range(5), ((time(9), time(17)),))
    group = Group("legal", ("ben@x.com", "cy@x.com"), timedelta(hours=4))
    holidays = frozenset({date(2026, 12, 25), date(2027, 1, 1)})
    rule = Rule(
        match="draft*",
        ask=(
            Ask(Source.ADDRESS, "ann@x.com"),
            Ask(Source.GROUP, "legal"),
            Ask(Source.FIELD, "account.owner"),
        ),
        decisions=2,
        four_eyes=True,
        careful=True,
        calendar="office",
        remind_after=Duration(timedelta(minutes=90), working=True),
        ladder=(
            Rung(
                Duration(timedelta(hours=4), working=True),
                (Ask(Source.ADDRESS, "boss@x.com"),),
            ),
            Rung(days(2), (Ask(Source.GROUP, "legal"),)),
        ),
        automatic=Automatic(days(3), approved=False, words="too late"),
        sla=Duration(working=True, days=2),
    )
    assert load(tmp_path, text) == ReviewPolicy(
        (rule, Rule()),
        {"legal": group},
        {"office": Calendar("office", "Europe/Berlin", hours, holidays)},
        "owner@x.com",
    )


def test_without_rules_nobody_in_particular_is_asked(tmp_path: Path) -> None:
    assert load(tmp_path, CREW + LEGAL).asks_nobody


@pytest.mark.parametrize(
    ("written", "automatic"),
    [
        ("{ approve = true }", Automatic(days(3), approved=True)),
        ('{ approve = true, words = "fine" }', Automatic(days(3), approved=True, words="fine")),
        ('{ outcome = "go" }', Automatic(days(3), outcome="go")),
        ('{ outcome = "go", words = "late" }', Automatic(days(3), outcome="go", words="late")),
    ],
)
def test_an_automatic_answer_is_one_of_three(
    tmp_path: Path, written: str, automatic: Automatic
) -> None:
    (rule,) = load(tmp_path, f'{FLOW}{RULE}answer_after = "3d"\nanswer = {written}').rules
    assert rule.automatic == automatic


FIRST = "deployment 'research': reviews, number 1: "


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            RULE + 'asks = ["x"]',
            "asks: there is no such key; did you mean 'ask'?",
        ),
        (
            RULE + 'escalate = [{ afte = "1d", ask = ["a@x.com"] }]',
            "escalate, number 1: afte: there is no such key; did you mean 'after'?",
        ),
        (
            RULE + 'answer_after = "1d"\nanswer = { aprove = true }',
            "answer: aprove: there is no such key; did you mean 'approve'?",
        ),
        (
            RULE.replace("ann@", "ann at "),
            (
                "ask, number 1: 'ann at x.com' is no mail address: write one, 'group:NAME' or "
                "'field:NAME'"
            ),
        ),
        (RULE.replace("ann@x.com", "group:"), "ask, number 1: 'group:' names no group"),
        (RULE.replace("ann@x.com", "field:a..b"), "ask, number 1: 'field:a..b' names no field"),
        (
            RULE.replace("ann@x.com", "group:legl") + LEGAL,
            "ask: there is no group 'legl'; did you mean 'legal'?",
        ),
        (
            RULE.replace("ann@x.com", "group:legal"),
            "ask: there is no group 'legal'; declare it as [groups.legal]",
        ),
        (
            RULE + 'escalate = [{ after = "1d", ask = ["group:legal"] }]',
            "escalate, number 1: ask: there is no group 'legal'; declare it as [groups.legal]",
        ),
        (
            RULE + 'calendar = "office"',
            "calendar: there is no calendar 'office'; declare it as [calendars.office]",
        ),
        (
            "[[deployments.research.reviews]]",
            "ask: it is empty: add somebody, or a 'creator' to the deployment, who is asked then",
        ),
        (
            RULE.replace("ann@x.com", "field:owner"),
            (
                "ask: a field may hold nobody: add somebody, or a 'creator' to the deployment, "
                "who is asked then"
            ),
        ),
        (RULE + "decisions = { of = 2 }", "decisions: 2 have to agree, and the rule asks 1"),
        (
            RULE.replace('"]', '", "group:legal"]') + "decisions = { of = 4 }\n" + LEGAL,
            "decisions: 4 have to agree, and the rule asks 3",
        ),
        (
            RULE + "decisions = 2",
            "decisions: must be 'any', or { of = 2 }: how many have to agree",
        ),
        (
            RULE + "decisions = { of = 0 }",
            "decisions: must be 'any', or { of = 2 }: how many have to agree",
        ),
        (RULE + 'sla = "2 working hours"', "sla: working time needs a 'calendar' in the rule"),
        (
            RULE + 'sla = "soon"',
            "sla: must be a text such as '5m', '2h', '7d' or '4 working hours'",
        ),
        (
            RULE + 'sla = "1.5 working days"',
            "sla: must be whole working days, one at least; write a part of one in hours",
        ),
        (RULE + 'sla = "3651d"', "sla: must be ten years at most"),
        (
            RULE + f'calendar = "office"\nsla = "20865 working hours"\n{OFFICE}',
            "sla: must be ten years at most",
        ),
        (
            RULE + f'calendar = "office"\nsla = "999999999 working days"\n{OFFICE}',
            "sla: must be ten years at most",
        ),
        (
            RULE + 'answer_after = "1d"',
            "'answer_after' needs 'answer', such as { approve = true }",
        ),
        (
            RULE + "answer = { approve = true }",
            "'answer' needs 'answer_after': how long people have first",
        ),
        (
            RULE + 'answer_after = "1d"\nanswer = { reject = "" }',
            "answer: reject: String should have at least 1 character",
        ),
        (
            RULE + 'answer_after = "1d"\nanswer = { reject = " " }',
            "answer: 'reject' is the words itself: what the task has to do better",
        ),
        (
            RULE + 'answer_after = "1d"\nanswer = { approve = false }',
            "answer: approve: Input should be True",
        ),
        (
            RULE + 'answer_after = "1d"\nanswer = { approve = true, reject = "no" }',
            (
                "answer: must be one of { approve = true }, { reject = 'words' } and "
                "{ outcome = 'option' }"
            ),
        ),
        (
            RULE + 'answer_after = "1d"\nanswer = { outcome = "go" }',
            (
                "answer: an outcome is for the methods of flows; of a crew's task write "
                "{ approve = true } or { reject = 'words' }"
            ),
        ),
    ],
)
def test_a_wrong_rule_is_named_in_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    assert refusal(tmp_path, CREW + text) == FIRST + said


LADDER = """
    calendar = "office"
    escalate = [{{ after = "{}", ask = ["a@x.com"] }}, {{ after = "{}", ask = ["b@x.com"] }}]
"""


@pytest.mark.parametrize(
    ("first", "second", "rises"),
    [
        ("1d", "2d", True),
        ("1d", "1d", False),
        ("2h", "1h", False),
        ("4 working hours", "2d", True),  # as long as it is not Friday
        ("4 working hours", "4h", False),
        ("4 working hours", "3 working hours", False),
        ("2 working days", "1 working day", False),
        ("2 working days", "20 working hours", True),
        ("2 working days", "1 working hour", False),
        ("1h", "1 working hour", True),  # as long as nobody works just then
    ],
)
def test_a_ladder_rises(tmp_path: Path, first: str, second: str, *, rises: bool) -> None:
    text = CREW + RULE + LADDER.format(first, second) + OFFICE
    if rises:
        assert len(load(tmp_path, text).rules[0].ladder) == 2
    else:
        said = "must be longer than that of the step before: both count from the opening"
        assert refusal(tmp_path, text) == f"{FIRST}escalate, number 2: after: {said}"


ANSWER = 'answer_after = "2d"\nanswer = { approve = true }\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            CREW + RULE + ANSWER + 'escalate = [{ after = "2d", ask = ["a@x.com"] }]',
            "escalate, number 1: after: never comes: the review gets its 'answer' before that",
        ),
        (
            CREW + RULE + ANSWER + 'remind_after = "3d"',
            "remind_after: never comes: the review gets its 'answer' before that",
        ),
        (
            CREW + 'review_timeout = "2d"\n' + RULE + ANSWER,
            "answer_after: never comes: 'review_timeout' ends the review before that",
        ),
        (
            CREW + 'review_timeout = "1d"\n' + RULE + 'remind_after = "1d"',
            "remind_after: never comes: 'review_timeout' ends the review before that",
        ),
    ],
)
def test_what_never_comes_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert refusal(tmp_path, text) == FIRST + said


def test_a_rule_behind_one_that_matches_everything_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, CREW + RULE + RULE.replace("ask", 'match = "draft"\nask'))
    assert said == (
        "deployment 'research': reviews, number 2: match: 'draft' never counts: number 1 ('*') "
        "comes first and matches all that it does; put it before that one"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[groups.legal]\nmembers = []", "group 'legal': members: List should have at least 1 "),
        ("[groups.legal]\n", "group 'legal': members: Field required"),
        ('[groups.legal]\nmembers = ["x"]', "group 'legal': members, number 1: 'x' is no mail "),
        ('[groups."a b"]\nmembers = ["a@x.com"]', "group 'a b': its name must be 1 to 64 of the "),
        ('[group.legal]\nmembers = ["a@x.com"]', "group: there is no such key; did you mean [gr"),
        (
            '[deployments.research]\ncrew = "a:b"\ncreator = "me"',
            "deployment 'research': creator: 'me' is no mail address such as 'ann@example.com'",
        ),
    ],
)
def test_a_wrong_person_is_named(tmp_path: Path, text: str, said: str) -> None:
    text = text if "deployments" in text else CREW + text
    assert refusal(tmp_path, text).startswith(said)


@pytest.mark.parametrize(
    ("hours", "spans"),
    [
        ('"22:00-06:00"', ((time(22), time(6)),)),
        ('"00:00-24:00"', ((time(0), time(0)),)),
        ('["13:00-17:00", "09:00-12:00"]', ((time(9), time(12)), (time(13), time(17)))),
        ('["00:00-12:00", "12:00-24:00"]', ((time(0), time(12)), (time(12), time(0)))),
    ],
)
def test_hours_are_spans_of_the_day(
    tmp_path: Path, hours: str, spans: tuple[tuple[time, time], ...]
) -> None:
    text = OWNED + OFFICE.replace('"09:00-17:00"', hours)
    assert load(tmp_path, text).calendars["office"].hours == dict.fromkeys(range(5), spans)


def test_hours_may_differ_by_day(tmp_path: Path) -> None:
    text = f"""{OWNED}
        [calendars.office]
        time_zone = "Asia/Kolkata"
        hours = {{ mon = ["09:00-12:00", "13:00-17:00"], sat = "09:00-13:00" }}
    """
    monday = ((time(9), time(12)), (time(13), time(17)))
    expected = {0: monday, 5: ((time(9), time(13)),)}
    assert load(tmp_path, text).calendars["office"].hours == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (OFFICE.replace("Europe/Berlin", "Europe/Berlyn"), "time_zone: 'Europe/Berlyn' is no time"),
        (OFFICE.replace('"Europe/Berlin"', '["UTC"]'), "time_zone: ['UTC'] is no time"),
        (OFFICE.replace('"Europe/Berlin"', "{ a = 1 }"), "time_zone: {'a': 1} is no time"),
        (OFFICE.replace('"mon"', '"monday"'), "days, number 1: 'monday' is no day: these are mon,"),
        (OFFICE.replace("days", "#"), "needs 'days', such as ['mon', 'tue', 'wed', 'thu', 'fri']"),
        (OFFICE.replace('"09:00-17:00"', "{}"), "'hours' says which days there are: take 'days' "),
        (OFFICE.replace("days", "#").replace('"09:00-17:00"', "{}"), "'hours' has none: nobody "),
        (OFFICE.replace('"09:00-17:00"', "{ mo = [] }"), "hours: 'mo' is no day: these are mon, "),
        (OFFICE.replace("17:00", "25:00"), "hours: '09:00-25:00' is no span of the day: hours end"),
        (OFFICE.replace("17:00", "5pm"), "hours: '09:00-5pm' is no span of the day such as '09:0"),
        (OFFICE.replace("17:00", "09:00"), "hours: '09:00-09:00' is no time at all; a whole day "),
        (OFFICE.replace('"09:00-17:00"', "[]"), "'hours' has none: nobody would ever work"),
        (
            OFFICE.replace('"09:00-17:00"', '["22:00-06:00", "05:00-07:00"]'),
            "'hours' overlap: mon 22:00-06:00 and tue 05:00-07:00",
        ),
        (
            OFFICE.replace("days", "#").replace(
                '"09:00-17:00"', '{ sun = "20:00-10:00", mon = "09:00-17:00" }'
            ),
            "'hours' overlap: sun 20:00-10:00 and mon 09:00-17:00",
        ),
        (OFFICE + 'holidays = ["25.12.2026"]', "holidays, number 1: '25.12.2026' is no date such "),
        (OFFICE + 'holidays_file = "no.ics"', "holidays_file: "),
    ],
)
def test_a_wrong_calendar_is_named(tmp_path: Path, text: str, said: str) -> None:
    assert refusal(tmp_path, CREW + text).startswith(f"calendar 'office': {said}")


def holidays(folder: Path, *events: str) -> str:
    lines = [f"BEGIN:VEVENT\nUID:{place}\n{each}\nEND:VEVENT" for place, each in enumerate(events)]
    text = "\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", *lines, "END:VCALENDAR", ""])
    (folder / "holidays.ics").write_text(text, encoding="utf-8")
    return f'{OWNED}{OFFICE}holidays = ["2026-05-01"]\nholidays_file = "holidays.ics"'


def test_holidays_may_come_from_a_file_beside(tmp_path: Path) -> None:
    this_year = date.today().year  # noqa: DTZ011 - the year is enough
    text = holidays(
        tmp_path,
        "DTSTART;VALUE=DATE:20260403",
        "DTSTART;VALUE=DATE:20260528\nDTEND;VALUE=DATE:20260530",
        "DTSTART;VALUE=DATE:20260603\nSTATUS:CANCELLED",
        "DTSTART:20260604T090000Z\nDTEND:20260604T100000Z",
        "DTSTART;VALUE=DATE:20241225\nRRULE:FREQ=YEARLY\nEXDATE;VALUE=DATE:20301225",
        "DTSTART;VALUE=DATE:20241128\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;UNTIL=20261231T000000Z",
    )
    found = load(tmp_path, text).calendars["office"].holidays

    once = {(2026, 5, 1), (2026, 4, 3), (2026, 5, 28), (2026, 5, 29)}
    fourth_thursdays = {(2024, 11, 28), (2025, 11, 27), (2026, 11, 26)}
    years = {2024, *range(this_year - 1, this_year + 11)} - {2030}
    expected = {*once, *((year, 12, 25) for year in years)}
    assert {date(*each) for each in expected} <= found
    assert found <= {date(*each) for each in expected | fourth_thursdays}
    assert date(2024, 11, 28) in found


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("DTSTART:20260604T090000Z", "has no events that last a whole day (DTSTART;VALUE=DATE)"),
        ("SUMMARY:May", "the event 'May' cannot be read: "),
        (
            "SUMMARY:May\nDTSTART;VALUE=DATE:20260101\nRRULE:FREQ=DAILY",
            "the event 'May' cannot be read: it repeats, and not FREQ=YEARLY",
        ),
        (
            "DTSTART;VALUE=DATE:20260101\nDTEND;VALUE=DATE:20290101",
            "the event '0' cannot be read: it lasts longer than a year",
        ),
    ],
)
def test_a_file_of_holidays_that_is_wrong_is_named(tmp_path: Path, event: str, said: str) -> None:
    place = f"calendar 'office': holidays_file: {tmp_path / 'holidays.ics'}: "
    assert refusal(tmp_path, holidays(tmp_path, event)).startswith(place + said)


def test_what_is_no_icalendar_file_is_refused(tmp_path: Path) -> None:
    text = holidays(tmp_path)
    (tmp_path / "holidays.ics").write_bytes(b"\xff\xfe\x00")
    assert "is no iCalendar file" in refusal(tmp_path, text)


def test_a_file_of_holidays_needs_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "icalendar", None)
    monkeypatch.delitem(
        sys.modules,
        "orchestrator.adapters.deployment_file.holidays",
        raising=False,
    )
    said = refusal(tmp_path, holidays(tmp_path, "DTSTART;VALUE=DATE:20260403"))
    assert "pip install 'crew-orchestrator[calendars]'" in said

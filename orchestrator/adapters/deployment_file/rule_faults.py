"""What is wrong with rules that can be read: they refer to nothing, or something never happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from itertools import pairwise

from orchestrator.adapters.deployment_file.entry import RunnerKind
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.review_policy import Ask, Calendar, Duration, ReviewPolicy, Rule, Source
from orchestrator.domain.working_time import later

LONGEST = timedelta(days=3650)
"""Longer waits are refused; working time is counted day by day."""

_SOME_STARTS = tuple(
    datetime(2026, 1, 5, tzinfo=UTC) + timedelta(hours=14) * number for number in range(12)
)
"""Of a week: working time and time on the clock can only be compared from somewhere."""


def rule_faults(deployment: Deployment) -> Iterator[str]:
    """What is wrong with a deployment's rules, sentences that begin with the rule and the key."""
    policy = deployment.review_policy
    for number, rule in enumerate(policy.rules, start=1):
        for fault in (
            *_never_reached(policy.rules[: number - 1], rule),
            *_of_rule(rule, policy, deployment),
        ):
            yield f"reviews, number {number}: {fault}"


def _never_reached(earlier: Sequence[Rule], rule: Rule) -> Iterator[str]:
    for number, other in enumerate(earlier, start=1):
        if other.covers(rule):
            said = f"number {number} ({other.match!r}) comes first and matches all that it does"
            yield f"match: {rule.match!r} never counts: {said}; put it before that one"


def _of_rule(rule: Rule, policy: ReviewPolicy, deployment: Deployment) -> Iterator[str]:
    unknown = [*_unknown(rule, policy)]
    if unknown:
        yield from unknown  # and nothing else can be said
        return
    calendar = policy.calendars[rule.calendar] if rule.calendar else None
    yield from _finds_nobody(rule, policy)
    lengths = [*_lengths(rule, calendar)]
    yield from lengths
    if not lengths:
        yield from _out_of_order(rule, calendar, deployment.review_timeout)
    if rule.automatic and rule.automatic.outcome and deployment.runner == RunnerKind.CREWAI:
        wanted = "{ approve = true } or { reject = 'words' }"
        yield f"answer: an outcome is for the methods of flows; of a crew's task write {wanted}"


def _unknown(rule: Rule, policy: ReviewPolicy) -> Iterator[str]:
    for key, ask in _asks(rule):
        if ask.source is Source.GROUP and ask.name not in policy.groups:
            yield f"{key}: {_there_is_no('group', ask.name, policy.groups)}"
    if rule.calendar is not None and rule.calendar not in policy.calendars:
        yield f"calendar: {_there_is_no('calendar', rule.calendar, policy.calendars)}"


def _there_is_no(noun: str, name: str, known: Mapping[str, object]) -> str:
    alike = get_close_matches(name, known, n=1)
    mend = f"did you mean {alike[0]!r}?" if alike else f"declare it as [{noun}s.{name}]"
    return f"there is no {noun} {name!r}; {mend}"


def _asks(rule: Rule) -> Iterator[tuple[str, Ask]]:
    for ask in rule.ask:
        yield "ask", ask
    for number, rung in enumerate(rule.ladder, start=1):
        for ask in rung.ask:
            yield f"escalate, number {number}: ask", ask


def _finds_nobody(rule: Rule, policy: ReviewPolicy) -> Iterator[str]:
    if policy.creator is None and all(ask.source is Source.FIELD for ask in rule.ask):
        why = "a field may hold nobody" if rule.ask else "it is empty"
        yield f"ask: {why}: add somebody, or a 'creator' to the deployment, who is asked then"
    asks = [ask for _, ask in _asks(rule)]
    if any(ask.source is Source.FIELD for ask in asks):
        return
    people = {address for ask in asks for address in _people(ask, policy)}
    if not rule.ask and policy.creator:
        people.add(policy.creator)
    if people and rule.decisions > len(people):
        yield f"decisions: {rule.decisions} have to agree, and the rule asks {len(people)}"


def _people(ask: Ask, policy: ReviewPolicy) -> tuple[str, ...]:
    return policy.groups[ask.name].members if ask.source is Source.GROUP else (ask.name,)


def _waits(rule: Rule) -> Iterator[tuple[str, Duration]]:
    """The times that a rule names, by key."""
    if rule.remind_after:
        yield "remind_after", rule.remind_after
    for number, rung in enumerate(rule.ladder, start=1):
        yield f"escalate, number {number}: after", rung.after
    if rule.automatic:
        yield "answer_after", rule.automatic.after
    if rule.sla:
        yield "sla", rule.sla


def _lengths(rule: Rule, calendar: Calendar | None) -> Iterator[str]:
    for key, duration in _waits(rule):
        if duration.working and calendar is None:
            yield f"{key}: working time needs a 'calendar' in the rule"
        elif _in_weeks(duration, calendar) > LONGEST / timedelta(days=7):
            yield f"{key}: must be ten years at most"


def _in_weeks(duration: Duration, calendar: Calendar | None) -> float:
    """How long a duration is, were there no holidays."""
    if calendar is None or not duration.working:
        return duration.length / timedelta(days=7)
    week = [span for spans in calendar.hours.values() for span in spans]
    if duration.days:
        return duration.days / sum(map(bool, calendar.hours.values()))
    return duration.length / sum(map(_length_of, week), timedelta())


def _length_of(span: tuple[time, time]) -> timedelta:
    begins, ends = (datetime.combine(date.min, at) for at in span)
    return ends - begins if begins < ends else ends - begins + timedelta(days=1)


def _out_of_order(
    rule: Rule, calendar: Calendar | None, timeout: timedelta | None
) -> Iterator[str]:
    """What never happens, since something else always comes first."""
    usual = replace(calendar, holidays=frozenset()) if calendar else None
    steps = [(key, wait) for key, wait in _waits(rule) if key.startswith("escalate")]
    for (_, sooner), (key, wait) in pairwise(steps):
        if _never_after(wait, sooner, usual):
            yield f"{key}: must be longer than that of the step before: both count from the opening"
    ends = [("the review gets its 'answer'", rule.automatic.after)] if rule.automatic else []
    if timeout is not None:
        ends.append(("'review_timeout' ends the review", Duration(timeout)))
    for key, wait in _waits(rule):
        for what, end in ends:
            if key != "sla" and wait is not end and _never_after(end, wait, usual):
                yield f"{key}: never comes: {what} before that"


def _never_after(one: Duration, other: Duration, calendar: Calendar | None) -> bool:
    """Whether the one has always passed when, or before, the other has."""
    if (one.working, bool(one.days)) == (other.working, bool(other.days)):
        return (one.length, one.days) <= (other.length, other.days)
    return all(
        later(start, one, calendar) <= later(start, other, calendar) for start in _SOME_STARTS
    )

"""The review policy of a deployment: who is asked, how many decide, what follows from silence."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from enum import StrEnum

from orchestrator.domain.question import QuestionKind


@dataclass(frozen=True, slots=True)
class Calendar:
    """When people work: ``hours`` has the spans of each weekday (0 is Monday), local to the zone.

    A span that ends no later than it begins goes on into the next day, and belongs to the day on
    which it begins. The spans are in order, and none reaches into another. ``zone`` is a name of
    the IANA time zone database. On ``holidays`` no span begins.
    """

    name: str
    zone: str
    hours: Mapping[int, tuple[tuple[time, time], ...]]
    holidays: frozenset[date] = frozenset()

    @property
    def works(self) -> bool:
        """Whether there is any span at all."""
        return any(self.hours.values())

    def hours_of(self, day: date) -> tuple[tuple[time, time], ...]:
        """The spans that begin on that day."""
        return () if day in self.holidays else self.hours.get(day.weekday(), ())


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time; of ``working`` time, only what the rule's calendar works counts.

    ``days`` are working days, each to the same time of day; they and ``length`` are never both set,
    and where there are any, ``working`` is set as well.
    """

    length: timedelta = timedelta()
    working: bool = False
    days: int = 0


class Source(StrEnum):
    """Where the addresses of those who are asked come from."""

    ADDRESS = "address"
    """They stand in the rule."""
    FIELD = "field"
    """In a field of the crew's inputs, or of the flow's state."""
    GROUP = "group"
    """They are the members of a group of the file."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One line of a rule's recipients: ``name`` is the address, the field or the group."""

    source: Source
    name: str


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the ladder: after that time, counted from the opening, these are asked as well."""

    after: Duration
    ask: tuple[Ask, ...]


@dataclass(frozen=True, slots=True)
class Automatic:
    """The answer that a review gets from nobody, once that time has passed since its opening.

    One of ``approved`` and ``outcome`` is set.
    """

    after: Duration
    approved: bool | None = None
    outcome: str | None = None
    words: str = ""

    def fits(self, kind: QuestionKind, options: Collection[str]) -> bool:
        """Whether it answers a question of that kind, which has these options."""
        if self.outcome is not None:
            return kind is QuestionKind.CHOICE and self.outcome in options
        return kind is QuestionKind.JUDGE


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for the reviews of the tasks or methods whose name matches ``match``.

    ``decisions`` is how many have to agree; one rejection rejects. ``four_eyes``: whoever kicked
    off, or answered the round before, may not decide. ``careful`` reviews want a typed word where
    they are answered by a link. ``sla`` is a target that is reported, and has no effect.
    """

    match: str = "*"
    ask: tuple[Ask, ...] = ()
    decisions: int = 1
    four_eyes: bool = False
    careful: bool = False
    calendar: str | None = None
    remind_after: Duration | None = None
    ladder: tuple[Rung, ...] = ()
    automatic: Automatic | None = None
    sla: Duration | None = None

    def matches(self, name: str) -> bool:
        """Whether a task's or method's name fits: ``*`` is any text, ``?`` one letter."""
        return re.fullmatch(_expression(self.match, "."), name, re.DOTALL) is not None

    def covers(self, later: Rule) -> bool:
        """Whether every name that fits the later rule fits this one, which thus comes first."""
        return re.fullmatch(_expression(self.match, "[^*]"), later.match, re.DOTALL) is not None


def _expression(pattern: str, one_letter: str) -> str:
    """The pattern as a regular expression."""
    marks = {"*": ".*", "?": one_letter}
    return "".join(marks.get(letter) or re.escape(letter) for letter in pattern)


@dataclass(frozen=True, slots=True)
class Group:
    """People who are asked together. A member who claims a review has it for ``claim_timeout``."""

    name: str
    members: tuple[str, ...]
    claim_timeout: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """The rules of a deployment, the first that matches counts; and what they refer to.

    ``creator`` is asked where no rule finds anybody.
    """

    rules: tuple[Rule, ...] = ()
    groups: Mapping[str, Group] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    creator: str | None = None

    @property
    def asks_nobody(self) -> bool:
        """Whether there is nothing in it: reviews are open, and whoever has a token answers."""
        return not self.rules and self.creator is None

    def rule_for(self, name: str) -> Rule:
        """The rule of a task or method; where none matches, one that asks the creator alone."""
        return next((rule for rule in self.rules if rule.matches(name)), Rule())

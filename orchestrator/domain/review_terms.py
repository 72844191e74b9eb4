"""The terms of a review: what its rule said when it was opened, and holds until it is rerouted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.domain.review_policy import Automatic, Calendar, Duration


@dataclass(frozen=True, slots=True)
class AskedPerson:
    """One person who is asked, and why: ``rule draft*``, ``group legal``, ``creator`` …

    ``group`` is the name of the group of which the person is asked as a member; None where they
    are meant by themselves.
    """

    address: str
    reason: str
    group: str | None = None


@dataclass(frozen=True, slots=True)
class ResolvedRung:
    """A step of the ladder, with the people that it leads to."""

    after: Duration
    asked: tuple[AskedPerson, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for one review; see ``Rule``.

    ``rule`` is the pattern of the rule that matched. ``excluded`` are those who may not decide, for
    four eyes. ``claim_timeout`` is for how long whoever claims the review has it.
    """

    rule: str = "*"
    decisions: int = 1
    four_eyes: bool = False
    excluded: tuple[str, ...] = ()
    careful: bool = False
    calendar: Calendar | None = None
    remind_after: Duration | None = None
    ladder: tuple[ResolvedRung, ...] = ()
    automatic: Automatic | None = None
    sla: Duration | None = None
    claim_timeout: timedelta | None = None

    @property
    def needs_names(self) -> bool:
        """Whether it has to be known who decides: several have to, or not everybody may."""
        return self.decisions > 1 or self.four_eyes


@dataclass(frozen=True, slots=True)
class Absence:
    """A person is away until then; ``to`` is who is asked instead, None for nobody."""

    address: str
    until: datetime
    to: str | None = None

"""A host: where endpoints are, and the circuit breaker that all of them share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

BREAKS_AFTER = 5
"""Tries in a row without any answer, after which the host is left alone."""

FIRST_BREAK = timedelta(seconds=30)
LONGEST_BREAK = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Host:
    """A host and port, and whether it answers.

    ``failures`` are tries in a row without any answer, whoever they were for. While it is open
    nothing is sent there; after that a single try finds out. ``breaks`` counts how often it was
    opened in a row. ``has_answered`` says that it is not new to us.
    """

    id: str
    failures: int = 0
    breaks: int = 0
    open_until: datetime | None = None
    has_answered: bool = False

    def is_open(self, now: datetime) -> bool:
        """Whether nothing may be sent there now."""
        return self.open_until is not None and self.open_until > now

    @property
    def is_suspect(self) -> bool:
        """Whether the last try there had no answer."""
        return self.failures > 0

    @property
    def needs_probe(self) -> bool:
        """Whether a single try has to find out first, once it is not open any more."""
        return self.failures >= BREAKS_AFTER

    def answered(self) -> Host:
        """It answered, whatever it said."""
        return Host(self.id, has_answered=True)

    def failed(self, now: datetime, jitter: float) -> Host:
        """No answer came. Too many of those open the breaker, for doubling times.

        ``jitter`` is drawn from -1 to 1 and moves the time by up to a fifth of it.
        """
        failures = self.failures + 1
        if failures < BREAKS_AFTER:
            return replace(self, failures=failures)
        pause = min(LONGEST_BREAK, FIRST_BREAK * 2 ** min(self.breaks, 16)) * (1 + jitter / 5)
        return replace(self, failures=failures, breaks=self.breaks + 1, open_until=now + pause)

    def probed(self, until: datetime) -> Host:
        """One try goes out; nobody else's does before it is back, or lost."""
        return replace(self, open_until=until)

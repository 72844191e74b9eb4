"""The table of faults: what is broken on purpose, how, and how it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from battle import Battle

Bring = Callable[[Battle], Iterator[None]]
"""Brings a fault about, and after its ``yield`` ends it, or waits for its end."""

SQLITE, POSTGRES = "sqlite", "postgres"
BOTH = (SQLITE, POSTGRES)


@dataclass(frozen=True)
class Fault:
    """One way in which things break. ``seldom`` are those that a round of all leaves out.

    ``short`` are those of the short form: they end by what is noticed, not by how long it takes.
    """

    name: str
    how: str
    ends: str
    bring: Bring
    databases: tuple[str, ...] = BOTH
    short: bool = False
    seldom: bool = False

    @contextmanager
    def lasting(self, battle: Battle) -> Iterator[None]:
        """The fault, for as long as the context lasts or longer."""
        steps = self.bring(battle)
        next(steps)
        yield
        for _ in steps:
            raise AssertionError("a fault begins once and ends once")


FAULTS: list[Fault] = []


def fault(
    name: str,
    how: str,
    ends: str,
    *,
    databases: tuple[str, ...] = BOTH,
    short: bool = False,
    seldom: bool = False,
) -> Callable[[Bring], Bring]:
    """Put a way to bring a fault about into the table."""

    def add(bring: Bring) -> Bring:
        FAULTS.append(Fault(name, how, ends, bring, databases, short, seldom))
        return bring

    return add

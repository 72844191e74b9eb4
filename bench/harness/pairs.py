"""Sides that are measured in turn, and what their figures say of each other."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Sample = Mapping[str, float]
"""What one turn of one side gave, by the name of the quantity."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, quartiles and ends of so many values, all in the unit of the values."""

    median: float
    low: float
    high: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value; the quartiles of a single one are that value."""
        ordered = sorted(values)
        low, median, high = (at(ordered, share) for share in (0.25, 0.5, 0.75))
        return cls(median, low, high, ordered[0], ordered[-1], len(ordered))


def at(values: Sequence[float], share: float) -> float:
    """The value below which that share of all lies, between two where it falls between them."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def in_turn(
    sides: Mapping[str, Callable[[], Sample]], rounds: int, warm_up: int = 1
) -> dict[str, list[Sample]]:
    """Each side once a round, forwards and backwards by turns; what warms up is not kept."""
    taken: dict[str, list[Sample]] = {name: [] for name in sides}
    for number in range(-warm_up, rounds):
        names = list(sides) if number % 2 else list(reversed(sides))
        for name in names:
            sample = sides[name]()
            if number >= 0:
                taken[name].append(sample)
    return taken


def values(samples: Sequence[Sample], quantity: str) -> list[float]:
    """One quantity of all turns, in their order."""
    return [sample[quantity] for sample in samples]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Ours by theirs, pair by pair: what disturbs a round disturbs both."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def median_of(samples: Sequence[Sample], quantity: str) -> float:
    """The median of one quantity."""
    return statistics.median(values(samples, quantity))

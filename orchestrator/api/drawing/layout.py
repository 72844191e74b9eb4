"""Where the boxes of a drawn graph lie, and by which way its arrows go between them.

Boxes stand in layers from left to right, each to the right of those that it comes after. After
``COLUMNS`` layers the next row begins. An arrow to the next layer crosses the gap between both;
every other one goes along the gutter below its row, so none crosses a box.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeAlias

COLUMNS = 4
WIDTH, HEIGHT = 176, 66
"""Of a box, in pixels, as all lengths here."""

MARGIN, GAP, BETWEEN, LANE = 20, 44, 18, 8
"""Around everything; between layers; between boxes of a layer; between arrows side by side."""

_SIDE_BY_SIDE, _NEAREST = 5, 8
"""How many arrows have a way of their own in a gap, more share them; how near a box these are."""

Edge: TypeAlias = tuple[str, str]
Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """Where one node lies: its left upper corner."""

    left: float
    top: float

    @property
    def right(self) -> float:
        """Its right side."""
        return self.left + WIDTH

    @property
    def bottom(self) -> float:
        """Its lower side."""
        return self.top + HEIGHT

    @property
    def middle(self) -> float:
        """The height at which arrows leave and reach it."""
        return self.top + HEIGHT / 2


@dataclass(frozen=True, slots=True)
class Layout:
    """A graph that has been laid out: boxes by key, and the corners of each arrow's way."""

    width: float
    height: float
    boxes: Mapping[str, Box]
    ways: Mapping[Edge, tuple[Point, ...]]


def laid_out(keys: Sequence[str], edges: Iterable[Edge], begins: Collection[str] = ()) -> Layout:
    """Lay out nodes that are named in the order in which they are told.

    Edges of unknown nodes are left out. What comes after itself, in a circle, stands where it is
    first reached, and one edge of the circle leads back. What ``begins`` stands leftmost.
    """
    known = set(keys)
    edges = tuple(dict.fromkeys(each for each in edges if known.issuperset(each)))
    layers = _layers(keys, [edge for edge in edges if edge[1] not in begins])
    place = {key: number for number, layer in enumerate(layers) for key in layer}
    rows = [layers[first : first + COLUMNS] for first in range(0, len(layers), COLUMNS)]
    far = [edge for edge in edges if not _is_near(place, edge)]
    lanes = Counter(place[before] // COLUMNS for before, _ in far)
    boxes: dict[str, Box] = {}
    gutters: list[float] = []
    top: float = MARGIN
    for number, row in enumerate(rows):
        height = max(_height(len(layer)) for layer in row)
        for column, layer in enumerate(row):
            boxes |= _column(column, layer, top + (height - _height(len(layer))) / 2)
        gutters.append(top + height + LANE)
        top += height + LANE * (lanes[number] + 1) + BETWEEN
    width = 2 * MARGIN + min(len(layers), COLUMNS) * (WIDTH + GAP)
    ways = _ways(boxes, place, edges, gutters)
    return Layout(width, top - BETWEEN + MARGIN, boxes, ways)


def _layers(keys: Sequence[str], edges: Collection[Edge]) -> list[list[str]]:
    before: dict[str, set[str]] = {key: set() for key in keys}
    for first, then in edges:
        if first != then:
            before[then].add(first)
    done: dict[str, int] = {}
    layers: list[list[str]] = []
    left = list(before)
    while left:
        ready = [key for key in left if done.keys() >= before[key]] or [
            _entered(left, before, done)
        ]
        layers.append(_ordered(ready, before, done))
        done |= {key: rank for rank, key in enumerate(layers[-1])}
        taken = set(ready)
        left = [key for key in left if key not in taken]
    return layers


def _entered(left: Sequence[str], before: Mapping[str, set[str]], done: Mapping[str, int]) -> str:
    """Where a circle is entered: at the first node that something leads to, else the first."""
    return next((key for key in left if not before[key].isdisjoint(done)), left[0])


def _ordered(
    ready: list[str], before: Mapping[str, set[str]], rank: Mapping[str, int]
) -> list[str]:
    """Each beside what it comes after, so that few arrows cross."""

    def beside(key: str) -> float:
        ranks = [rank[each] for each in before[key] if each in rank]
        return fmean(ranks) if ranks else 0.0

    return sorted(ready, key=beside)


def _height(count: int) -> float:
    return count * HEIGHT + (count - 1) * BETWEEN


def _left(column: int) -> float:
    return MARGIN + GAP / 2 + column * (WIDTH + GAP)


def _column(column: int, layer: Sequence[str], top: float) -> dict[str, Box]:
    return {
        key: Box(_left(column), top + place * (HEIGHT + BETWEEN)) for place, key in enumerate(layer)
    }


def _is_near(place: Mapping[str, int], edge: Edge) -> bool:
    """Whether an edge leads to the next layer, in the same row."""
    first, then = place[edge[0]], place[edge[1]]
    return then == first + 1 and then % COLUMNS != 0


def _ways(
    boxes: Mapping[str, Box],
    place: Mapping[str, int],
    edges: Sequence[Edge],
    gutters: Sequence[float],
) -> dict[Edge, tuple[Point, ...]]:
    ways: dict[Edge, tuple[Point, ...]] = {}
    used: Counter[int] = Counter()
    for edge in edges:
        first, then = boxes[edge[0]], boxes[edge[1]]
        begin, end = (first.right, first.middle), (then.left, then.middle)
        if _is_near(place, edge):
            middle = first.right + GAP / 2
            corners = [(middle, first.middle), (middle, then.middle)]
        else:
            row = place[edge[0]] // COLUMNS
            shift = _NEAREST + (used[row] % _SIDE_BY_SIDE) * (GAP / 2 - _NEAREST) / _SIDE_BY_SIDE
            lane = gutters[row] + used[row] * LANE
            used[row] += 1
            out, back = first.right + shift, then.left - shift
            corners = [(out, first.middle), (out, lane), (back, lane), (back, then.middle)]
        ways[edge] = (begin, *corners, end)
    return ways

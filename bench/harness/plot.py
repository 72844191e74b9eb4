"""The ratios as a drawing: a dot for the median, a bar for the quartiles, a mark for the aim."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from harness.record import Figure, figure

WIDTH, LEFT, RIGHT, ROW, TOP = 980, 560, 30, 22, 56
LEAST, MOST = 0.05, 20.0
INK, MET, MISSED, GRID = "#222222", "#1a7f37", "#c2410c", "#d0d7de"


def drawing(records: Iterable[Mapping[str, Any]]) -> str:
    """Every ratio of the records as SVG, on a scale on which half and twice are as far apart."""
    lines: list[str] = []
    y = TOP
    for entry in records:
        found = [each for each in map(figure, entry["figures"]) if each.beside]
        if not found:
            continue
        lines.append(_text(12, y + 14, entry["title"], weight="bold"))
        y += ROW
        for each in found:
            lines += _row(each, y)
            y += ROW
        y += ROW // 2
    return _page(lines, y)


def _row(found: Figure, y: int) -> list[str]:
    spread, middle = found.spread, y + ROW // 2
    colour = {"yes": MET, "no": MISSED, "": INK}[found.verdict]
    low, high, median = _x(spread.low), _x(spread.high), _x(spread.median)
    label = f"{found.what}, by {found.beside}"
    short = label if len(label) <= 82 else f"{label[:81]}…"
    drawn = [
        _text(24, middle + 4, short),
        (
            f'<rect x="{low:.1f}" y="{middle - 4}" width="{max(high - low, 1):.1f}" height="8" '
            f'fill="{colour}" opacity="0.35"/>'
        ),
        f'<circle cx="{median:.1f}" cy="{middle}" r="4" fill="{colour}"/>',
    ]
    if found.aim is not None:
        x = _x(found.aim.value)
        drawn.append(
            f'<line x1="{x:.1f}" y1="{y + 2}" x2="{x:.1f}" y2="{y + ROW - 2}" stroke="{INK}" '
            'stroke-width="2"/>'
        )
    return drawn


def _x(value: float) -> float:
    share = math.log(min(max(value, LEAST), MOST) / LEAST) / math.log(MOST / LEAST)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _text(x: float, y: float, words: str, *, weight: str = "normal", anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-weight="{weight}" text-anchor="{anchor}">'
        f"{escape(words)}</text>"
    )


def _page(lines: list[str], height: int) -> str:
    axis = []
    for value in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0):
        x = _x(value)
        axis.append(
            f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height}" stroke="{GRID}"/>'
        )
        axis.append(_text(x, TOP - 12, f"{value:g}", anchor="middle"))
    head = _text(12, 20, "Ours by what it is measured beside", weight="bold")
    legend = "dot: median; bar: quartiles; black stroke: aim; green: met, orange: not"
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height + 12}" '
                'font-family="sans-serif" font-size="12">'
            ),
            f'<rect width="{WIDTH}" height="{height + 12}" fill="#ffffff"/>',
            f'<g fill="{INK}">',
            head,
            _text(12, 38, legend),
            *axis,
            *lines,
            "</g>",
            "</svg>",
            "",
        ]
    )

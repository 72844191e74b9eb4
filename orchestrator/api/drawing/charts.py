"""Charts of counts and times: bars, each with its label and its value in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from orchestrator.api.drawing.svg import QUIET, element, picture, text_of, words
from orchestrator.wire.shown import one_line

MOST_BARS = 15
"""More stand in the table beside the chart."""

_COLOURS = (("#3f7cc4", None), ("#b3701f", "6 3"))
"""Ground of the first bar of a line and of the second, and the dashes of their border."""

_LABEL, _BAR, _VALUE, _LINE = 180, 340, 120, 20
_LONGEST_LABEL = 26
_COLUMNS_WIDE, _COLUMNS_HIGH = 640, 130


@dataclass(frozen=True, slots=True)
class Bar:
    """One line: its label, and one or two values with the words that tell them."""

    label: str
    values: tuple[float, ...]
    said: tuple[str, ...]


def draw_bars(key: str, title: str, bars: Sequence[Bar]) -> Markup:
    """Lines of one or two level bars, as long as their values."""
    shown = bars[:MOST_BARS]
    most = max((value for bar in shown for value in bar.values), default=0) or 1
    parts: list[Markup] = []
    top = 10.0
    for bar in shown:
        label = one_line(bar.label, _LONGEST_LABEL)
        parts.append(words(label, _LABEL - 10, top + 14, text_anchor="end"))
        for (value, said), (colour, dashes) in zip(
            zip(bar.values, bar.said, strict=True), _COLOURS, strict=False
        ):
            parts.append(_bar(top, _BAR * value / most, colour, dashes, said))
            top += _LINE
        top += 6
    told = "\n".join(f"{one_line(bar.label, 100)}: {', '.join(bar.said)}." for bar in shown)
    size = (_LABEL + _BAR + _VALUE, top + 4)
    return picture(key, size, title, told or "Nothing to tell.", parts)


def _bar(top: float, length: float, colour: str, dashes: str | None, said: str) -> Markup:
    return element(
        "g",
        element(
            "rect",
            x=_LABEL,
            y=top,
            width=max(length, 1.0),
            height=_LINE - 4,
            fill=colour,
            stroke=QUIET,
            stroke_dasharray=dashes,
        ),
        words(said, _LABEL + length + 8, top + 13),
    )


def draw_columns(key: str, title: str, bars: Sequence[Bar]) -> Markup:
    """Upright bars side by side, in their order, for a first value each."""
    most = max((bar.values[0] for bar in bars), default=0) or 1
    step = _COLUMNS_WIDE / max(len(bars), 1)
    base = _COLUMNS_HIGH + 24
    parts = [words(f"{most:,.0f}", 0, 14), element("path", d=f"M0 {base}H640", stroke=QUIET)]
    for number, bar in enumerate(bars):
        height = _COLUMNS_HIGH * bar.values[0] / most
        column = element(
            "rect",
            element("title", text_of(f"{bar.label}: {bar.said[0]}")),
            x=number * step + step * 0.1,
            y=base - height,
            width=step * 0.8,
            height=height,
            fill=_COLOURS[0][0],
        )
        parts.append(column)
    if bars:
        parts.append(words(bars[0].label, 0, base + 18))
        parts.append(words(bars[-1].label, _COLUMNS_WIDE, base + 18, text_anchor="end"))
    told = "\n".join(f"{bar.label}: {bar.said[0]}." for bar in bars)
    size = (_COLUMNS_WIDE, base + 26)
    return picture(key, size, title, told or "Nothing to tell.", parts)

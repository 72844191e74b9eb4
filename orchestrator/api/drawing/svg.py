"""Elements of SVG.

Colours stand in attributes, since pages allow no style but their own. They hold on light and on
dark ground: what is written beyond a box has the colour of the text around the picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

from markupsafe import Markup, escape

Number: TypeAlias = float | int

MEDIA_TYPE = "image/svg+xml"

INK, QUIET, PAPER = "#1c1e21", "#767c85", "#ffffff"
"""What is written in a pale box; lines on any ground; the ground of a picture that stands alone."""

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may have, escaped or not."""


def text_of(words: object) -> Markup:
    """Words, escaped, without what XML has no form for."""
    return escape(_NO_XML.sub("", str(words)))


def element(name: str, *inside: Markup, **attributes: object) -> Markup:
    """An element; ``_`` in an attribute's name is a hyphen, None leaves the attribute out."""
    given = "".join(
        f' {key.strip("_").replace("_", "-")}="{text_of(_short(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    body = "".join(inside)
    return Markup(f"<{name}{given}>{body}</{name}>")  # noqa: S704 - each part was escaped


def _short(value: object) -> object:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value


def words(text: str, x: Number, y: Number, **more: object) -> Markup:
    """A line of text that begins, or stands, there."""
    return element("text", text_of(text), x=x, y=y, **more)


def picture(
    key: str,
    size: tuple[Number, Number],
    title: str,
    description: str,
    inside: Iterable[Markup],
    *,
    alone: bool = False,
) -> Markup:
    """A whole picture. ``key`` tells its ids from those of others on a page.

    ``alone`` is one that stands on no page: it brings its ground, and its colour of text.
    """
    width, height = size
    ground = [element("rect", width=width, height=height, fill=PAPER)] if alone else []
    return element(
        "svg",
        element("title", text_of(title), id=f"{key}-title"),
        element("desc", text_of(description), id=f"{key}-desc"),
        *ground,
        *inside,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_short(float(width))} {_short(float(height))}",
        width=width,
        height=height,
        role="img",
        aria_labelledby=f"{key}-title {key}-desc",
        font_family="system-ui, sans-serif",
        font_size=13,
        fill="currentColor",
        color=INK if alone else None,
    )

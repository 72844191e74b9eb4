"""Texts of models and strangers, made fit for a mail: bounded, without what would disguise them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

_UNSHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, save for tab and newline
    "\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # what hides, breaks lines or turns them
    "\ud800-\udfff]"  # halves of characters
)
_TAGS = frozenset(
    {"a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6"}
    | {"hr", "i", "li", "ol", "p", "pre", "s", "strong"}
    | {"table", "tbody", "td", "th", "thead", "tr", "ul"}
)
"""Without images: they would tell others that the mail was read."""

_markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def plain(text: str, longest: int) -> str:
    """The text in at most so many characters, with plain ends of its lines."""
    begin = text[: 2 * longest].replace("\r\n", "\n").replace("\r", "\n")
    shown = _UNSHOWN.sub("", begin)
    is_whole = len(shown) <= longest and len(text) <= 2 * longest
    return shown if is_whole else f"{shown[: longest - 1].rstrip()}…"


def one_line(text: str, longest: int) -> str:
    """The same on one line, as headers and labels have it."""
    return plain(" ".join(text[: 2 * longest + 1].split()), longest)


def rendered(markdown: str) -> Markup:
    """Markdown as HTML in which nothing can act, or lead anywhere unseen."""
    return _cleaned(_markdown.render(markdown))


def rendered_in_two(markdown: str, longest: int) -> tuple[Markup, Markup]:
    """The same in two: whole blocks of about so many characters, and those that follow."""
    env: dict[str, Any] = {}
    tokens = _markdown.parse(markdown, env)
    ends = [0, *accumulate(len(line) + 1 for line in markdown.split("\n"))]
    split, end = len(tokens), 0
    for number, token in enumerate(tokens):
        if token.level == 0:
            end = ends[min(token.map[1], len(ends) - 1)] if token.map else end
            if token.nesting <= 0 and end >= longest:
                split = number + 1
                break
    first, rest = tokens[:split], tokens[split:]
    render = _markdown.renderer.render
    begin = _cleaned(render(first, _markdown.options, env))
    return begin, _cleaned(render(rest, _markdown.options, env))


def _cleaned(html: str) -> Markup:
    clean = nh3.clean(
        html,
        tags=set(_TAGS),
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return Markup(clean)  # noqa: S704 - nh3 has just cleaned it


def moment(iso: object) -> str | None:
    """A time as a person reads it; None where there is none."""
    if not isinstance(iso, str):
        return None
    at = datetime.fromisoformat(iso).astimezone(UTC)
    return f"{at:%A, %d %B %Y, %H:%M} UTC"

"""An output as a page shows it: data as a tree to fold, any other text as the Markdown it is."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from markupsafe import Markup

from orchestrator.wire.shown import plain, rendered_in_two

LONGEST_OUTPUT = 200_000
"""Characters of an output that a page shows; there is a call for more."""

SHOWN_AT_ONCE = 6_000
"""Characters of a text after which the rest of its paragraphs is folded away."""

MOST_NODES = 5_000
_OPEN_LEVELS = 2
_MANY = 30
"""Members beyond which an object or a list is folded at first, unless it is all there is."""

_LONG_TEXT = 500


class _Object(NamedTuple):
    """An object with its members as they were written, each key as often as it was."""

    members: list[tuple[str, Any]]


class _Literal(str):
    """A number as it was written, true, false or null."""

    __slots__ = ()


def shown_output(raw: str) -> Markup:
    """The HTML of an output, in which nothing can act."""
    tree = data_tree(raw)
    if tree is not None:
        return tree
    begin, rest = rendered_in_two(plain(raw, LONGEST_OUTPUT), SHOWN_AT_ONCE)
    if not rest:
        return begin
    return begin + Markup('<details class="rest"><summary>The rest</summary>{}</details>').format(
        rest
    )


def data_tree(text: str) -> Markup | None:
    """An object or list of JSON as a tree; None for any other text, and for too large a one."""
    if len(text) > LONGEST_OUTPUT or text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        data = json.loads(
            text,
            object_pairs_hook=_Object,
            parse_int=_Literal,
            parse_float=_Literal,
            parse_constant=_Literal,
        )
        if _size(data) > MOST_NODES:
            return Markup("<pre>{}</pre>").format(plain(_indented(text), LONGEST_OUTPUT))
        return Markup('<div class="tree">{}</div>').format(_node(data, 0))
    except (ValueError, RecursionError):
        return None


def _indented(text: str) -> str:
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False)


def _members(node: Any) -> list[tuple[str | None, Any]]:
    if isinstance(node, _Object):
        return [*node.members]
    return [(None, each) for each in node] if isinstance(node, list) else []


def _size(node: Any) -> int:
    return 1 + sum(_size(each) for _, each in _members(node))


def _node(node: Any, level: int) -> Markup:
    if not isinstance(node, _Object | list):
        return _leaf(node)
    members = _members(node)
    if not members:
        return Markup("{}").format("{}" if isinstance(node, _Object) else "[]")
    items = Markup("").join(
        Markup("<li>{}{}</li>").format(_key(key), _node(each, level + 1)) for key, each in members
    )
    kind = "ul" if isinstance(node, _Object) else "ol"
    is_open = level == 0 or (level < _OPEN_LEVELS and len(members) <= _MANY)
    return Markup("<details{}><summary>{}</summary><{} dir=auto>{}</{}></details>").format(
        Markup(" open") if is_open else "", _counted(node, len(members)), kind, items, kind
    )


def _counted(node: Any, count: int) -> str:
    noun = "field" if isinstance(node, _Object) else "item"
    return f"{count} {noun}{'s' if count > 1 else ''}"


def _key(key: str | None) -> Markup:
    if key is None:
        return Markup("")
    return Markup("<b dir=auto>{}</b>: ").format(plain(key, _LONG_TEXT))


def _leaf(value: Any) -> Markup:
    if isinstance(value, bool) or value is None:
        return Markup("<i>{}</i>").format(json.dumps(value))
    text = plain(value, LONGEST_OUTPUT)
    if isinstance(value, _Literal):
        return Markup("<i>{}</i>").format(text)
    if len(text) <= _LONG_TEXT:
        return Markup("<span dir=auto>{}</span>").format(text)
    return Markup(
        "<details><summary dir=auto>{}</summary><span dir=auto>{}</span></details>"
    ).format(plain(text, 80), text)

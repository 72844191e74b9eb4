"""The picture of an execution: a crew's tasks in rows, a flow's methods with their branches."""

from __future__ import annotations

from markupsafe import Markup

from orchestrator.api.drawing.layout import HEIGHT, WIDTH, Box, Point, laid_out
from orchestrator.api.drawing.svg import INK, QUIET, element, picture, text_of, words
from orchestrator.domain.execution_graph import ExecutionGraph, Node, Standing
from orchestrator.wire.shown import one_line

_LOOKS = {
    Standing.AHEAD: ("○", "#eceef0", "#767c85", "4 3"),
    Standing.DUE: ("…", "#eceef0", "#5a5f66", None),
    Standing.RUNNING: ("▶", "#dbe9fb", "#1a5fb4", None),
    Standing.ASKING: ("?", "#fdf0cf", "#8f5902", None),
    Standing.DONE: ("✓", "#d9f2e0", "#1b6b34", None),
    Standing.AGAIN: ("↻", "#fdf0cf", "#8f5902", "4 3"),
    Standing.FAILED: ("✗", "#fbdcdc", "#a51d2d", None),
    Standing.ENDED: ("-", "#eceef0", "#767c85", "1 3"),
}
"""Sign, ground, border and the border's dashes: the colour is never alone in saying it."""

_LONGEST_NAME = 22
_HEAD = 5


def draw_execution(graph: ExecutionGraph, title: str, *, alone: bool = False) -> Markup:
    """The whole picture; its text names the steps in their order, and how each stands."""
    layout = laid_out([node.name for node in graph.nodes], graph.edges, graph.begins)
    arrows = [_arrow(way) for way in layout.ways.values()]
    boxes = [_node(node, layout.boxes[node.name]) for node in graph.nodes]
    size = (layout.width, layout.height)
    return picture(
        "execution", size, one_line(title, 200), _told(graph), [*arrows, *boxes], alone=alone
    )


def _told(graph: ExecutionGraph) -> str:
    lines = [f"{n}. {_line(node)}." for n, node in enumerate(graph.nodes, start=1)]
    more = [f"And {graph.hidden} more, which are not drawn."] if graph.hidden else []
    return "\n".join([*lines, *more]) or "Nothing has begun."


def _line(node: Node) -> str:
    facts = [node.standing.value, *_facts(node)]
    waits = [f"after {one_line(node.after, 200)}"] if node.after else []
    return f"{one_line(node.name, 100)}: {', '.join([*facts, *waits])}"


def _facts(node: Node) -> list[str]:
    rounds = [f"round {node.rounds}"] if node.rounds else []
    return rounds if node.seconds is None else [*rounds, took(node.seconds)]


def took(seconds: float) -> str:
    """A length of time, in the two largest of its units."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _node(node: Node, box: Box) -> Markup:
    sign, ground, border, dashes = _LOOKS[node.standing]
    shape = {"x": box.left, "y": box.top, "width": WIDTH, "height": HEIGHT, "rx": 8}
    left = box.left + 10
    return element(
        "g",
        element("title", text_of(_line(node))),
        element(
            "rect", **shape, fill=ground, stroke=border, stroke_width=2, stroke_dasharray=dashes
        ),
        words(one_line(node.name, _LONGEST_NAME), left, box.top + 20, font_weight=600),
        words(f"{sign} {node.standing.value}", left, box.top + 39),
        words(" · ".join(_facts(node)), left, box.top + 56, font_size=12),
        fill=INK,
    )


def _arrow(way: tuple[Point, ...]) -> Markup:
    x, y = way[-1]
    line = " ".join(f"{a:.1f},{b:.1f}" for a, b in way)
    head = (
        f"{x:.1f},{y:.1f} {x - _HEAD - 2:.1f},{y - _HEAD:.1f} {x - _HEAD - 2:.1f},{y + _HEAD:.1f}"
    )
    return element(
        "g",
        element("polyline", points=line, fill="none", stroke=QUIET, stroke_width=1.5),
        element("polygon", points=head, fill=QUIET),
    )

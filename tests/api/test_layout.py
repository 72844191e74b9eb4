"""Whatever the graph, its boxes lie apart, and no arrow crosses one."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.api.drawing.layout import COLUMNS, Box, Layout, Point, laid_out

KEYS = st.integers(0, 30).map(lambda count: [f"n{number}" for number in range(count)])
EDGES = st.lists(st.tuples(st.integers(0, 32), st.integers(0, 32)), max_size=60).map(
    lambda pairs: [(f"n{first}", f"n{then}") for first, then in pairs]
)


def overlap(one: Box, other: Box) -> bool:
    beside = one.right <= other.left or other.right <= one.left
    return not (beside or one.bottom <= other.top or other.bottom <= one.top)


def crosses(begin: Point, end: Point, box: Box) -> bool:
    """Whether a level or upright line has a point inside."""
    left, right = sorted((begin[0], end[0]))
    top, bottom = sorted((begin[1], end[1]))
    return left < box.right and right > box.left and top < box.bottom and bottom > box.top


def inside(layout: Layout, point: Point) -> bool:
    return 0 <= point[0] <= layout.width and 0 <= point[1] <= layout.height


@given(KEYS, EDGES)
def test_boxes_lie_apart_and_all_is_in_the_picture(
    keys: list[str], edges: list[tuple[str, str]]
) -> None:
    layout = laid_out(keys, edges)
    assert sorted(layout.boxes) == sorted(keys)
    for one, other in combinations(layout.boxes.values(), 2):
        assert not overlap(one, other)
    for box in layout.boxes.values():
        assert inside(layout, (box.left, box.top))
        assert inside(layout, (box.right, box.bottom))
    assert all(inside(layout, point) for way in layout.ways.values() for point in way)


@given(KEYS, EDGES)
def test_every_edge_has_a_way_that_crosses_no_box(
    keys: list[str], edges: list[tuple[str, str]]
) -> None:
    layout = laid_out(keys, edges)
    assert set(layout.ways) == {(a, b) for a, b in edges if a in keys and b in keys}
    for (first, then), way in layout.ways.items():
        assert way[0] == (layout.boxes[first].right, layout.boxes[first].middle)
        assert way[-1] == (layout.boxes[then].left, layout.boxes[then].middle)
        for begin, end in pairwise(way):
            assert begin[0] == end[0] or begin[1] == end[1]
            assert not any(crosses(begin, end, box) for box in layout.boxes.values())


def test_a_line_goes_on_in_the_next_row() -> None:
    keys = [f"n{number}" for number in range(COLUMNS + 1)]
    layout = laid_out(keys, list(pairwise(keys)))
    boxes = [layout.boxes[key] for key in keys]
    assert len({box.top for box in boxes[:COLUMNS]}) == 1
    assert boxes[COLUMNS].left == boxes[0].left
    assert boxes[COLUMNS].top > boxes[0].bottom


def test_what_comes_after_itself_stands_where_it_is_first_reached() -> None:
    layout = laid_out(
        ["draft", "review", "publish"],
        [("draft", "review"), ("review", "draft"), ("review", "publish")],
    )
    lefts = [layout.boxes[key].left for key in ("draft", "review", "publish")]
    assert lefts == sorted(set(lefts))


def test_what_begins_stands_leftmost() -> None:
    edges = [("facts", "review"), ("draft", "review"), ("review", "draft")]
    boxes = laid_out(["draft", "facts", "review"], edges, {"draft"}).boxes
    assert boxes["draft"].left == boxes["facts"].left < boxes["review"].left


def test_a_picture_of_two_rows_is_drawn_to_the_pixel() -> None:
    keys = ["a", "b", "c", "d", "e", "f"]
    edges = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "e"), ("e", "f"), ("a", "f")]
    layout = laid_out(keys, [*edges, ("f", "d")])
    assert (layout.width, layout.height) == (920, 314)
    assert layout.boxes == {
        "a": Box(42, 62),
        "b": Box(262, 20),
        "c": Box(262, 104),
        "d": Box(482, 62),
        "e": Box(702, 62),
        "f": Box(42, 212),
    }
    assert layout.ways["a", "b"] == ((218, 95), (240, 95), (240, 53), (262, 53))
    assert layout.ways["e", "f"] == (
        (878, 95),
        (886, 95),
        (886, 178),
        (34, 178),
        (34, 245),
        (42, 245),
    )
    second = ((218, 95), (228.8, 95), (228.8, 186), (31.2, 186), (31.2, 245), (42, 245))
    assert layout.ways["a", "f"] == second
    assert layout.ways["f", "d"][1:3] == ((226, 245), (226, 286))


def test_an_arrow_to_the_next_layer_crosses_the_gap_in_its_middle() -> None:
    layout = laid_out(["a", "b", "c"], [("a", "b"), ("a", "c")])
    first, then = layout.boxes["a"], layout.boxes["c"]
    middle = (first.right + then.left) / 2
    assert layout.ways["a", "c"][1:-1] == ((middle, first.middle), (middle, then.middle))


def test_arrows_that_go_along_a_gutter_have_ways_of_their_own() -> None:
    keys = [f"n{number}" for number in range(2 * COLUMNS)]
    back = [(keys[at], keys[0]) for at in range(1, COLUMNS)]
    below = [(keys[at], keys[COLUMNS]) for at in range(COLUMNS + 1, 2 * COLUMNS)]
    layout = laid_out(keys, [*pairwise(keys), *back, *below], {keys[0]})
    for edges in (back, below):
        lanes = [layout.ways[edge][2][1] for edge in edges]
        shifts = [layout.ways[edge][1][0] - layout.boxes[edge[0]].right for edge in edges]
        assert len(set(lanes)) == len(set(shifts)) == len(edges)
        lowest = max(layout.boxes[key].bottom for edge in edges for key in edge)
        assert min(lanes) > lowest


def test_boxes_of_a_layer_stand_beside_what_they_come_after() -> None:
    edges = [("left", "below"), ("right", "above"), ("left", "mean"), ("right", "mean")]
    boxes = laid_out(["left", "right", "above", "mean", "below"], edges).boxes
    assert boxes["left"].top < boxes["right"].top
    assert boxes["below"].top < boxes["mean"].top < boxes["above"].top


def test_what_comes_after_two_stands_to_the_right_of_both() -> None:
    edges = [("a", "b"), ("a", "c"), ("b", "c"), ("b", "last"), ("c", "last")]
    boxes = laid_out(["a", "b", "last", "c"], edges).boxes
    assert boxes["c"].left < boxes["last"].left


def test_a_circle_is_entered_where_something_leads_to_it() -> None:
    edges = [("b", "a"), ("a", "b"), ("first", "b")]
    boxes = laid_out(["a", "b", "first"], edges).boxes
    assert boxes["first"].left < boxes["b"].left < boxes["a"].left

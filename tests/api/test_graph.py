"""An execution as a picture: on the API, and on the page of a review."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from browser import HOSTILE, Browser

from orchestrator.api.drawing.execution_graph import draw_execution, took
from orchestrator.domain.execution_graph import ExecutionGraph, Node, Standing
from orchestrator.usecases.access.tokens import create_token

if TYPE_CHECKING:
    from conftest import Service

SVG = "{http://www.w3.org/2000/svg}"


def drawn(service: Service, execution_id: str) -> ET.Element:
    told = service.get(f"/v1/executions/{execution_id}/graph.svg")
    assert told.status_code == 200
    assert told.headers["content-type"].startswith("image/svg+xml")
    assert "default-src 'none'" in told.headers["content-security-policy"]
    return parsed(told.text)


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own picture


def text_of(picture: ET.Element) -> list[str]:
    return (picture.findtext(f"{SVG}desc") or "").splitlines()


def test_a_crew_is_a_line_of_its_tasks_and_the_text_says_the_same(service: Service) -> None:
    execution_id = service.halted()
    service.resume(execution_id, task_id="write", human_feedback="Hmm", is_approve=False)
    service.work()
    picture = drawn(service, execution_id)
    told = [re.sub(r", [\d.]+ s", "", line) for line in text_of(picture)]
    assert told == [
        "1. research: done, round 1.",
        "2. write: asks a person, round 2.",
        "3. publish: not begun.",
    ]
    assert picture.get("role") == "img"
    ids = {each.get("id") for each in picture}
    assert ids.issuperset((picture.get("aria-labelledby") or "-").split())
    assert len(picture.findall(f".//{SVG}polyline")) == 2


def test_a_flow_is_a_graph_of_its_methods(service: Service) -> None:
    execution_id = service.halted("flow")
    told = [re.sub(r", [\d.]+ s", "", line) for line in text_of(drawn(service, execution_id))]
    assert told == [
        "1. draft: done, round 1, after the start or revise.",
        "2. review: asks a person, round 1, after draft.",
        "3. publish: not begun, after go.",
    ]


def test_a_failed_task_is_told_as_such(service: Service) -> None:
    execution_id = service.start("doomed")
    service.work()
    assert "failed" in text_of(drawn(service, execution_id))[0]


def test_who_may_not_see_the_execution_sees_no_picture(service: Service) -> None:
    execution_id = service.halted()
    other = create_token(service.ports, "other", "quote")[1]
    path = f"/v1/executions/{execution_id}/graph.svg"
    assert service.get(path, other).status_code == 404
    assert service.client.get(path).status_code == 401


@pytest.mark.parametrize("name", [HOSTILE, "a\x00\x0b\ufffe\ud800", "]]>&<!--", "ü" * 500, ""])
def test_a_hostile_name_is_text_and_nothing_else(name: str) -> None:
    graph = ExecutionGraph((Node(name, Standing.DONE, after=name), Node("b", Standing.DUE)), ())
    for alone in (True, False):
        picture = parsed(draw_execution(graph, name, alone=alone))
        tags = {each.tag.removeprefix(SVG) for each in picture.iter()}
        assert tags <= {"svg", "title", "desc", "rect", "g", "text", "polyline", "polygon"}
        assert not any(key.startswith("on") for each in picture.iter() for key in each.attrib)


def test_hundreds_of_tasks_are_drawn_in_rows(service: Service) -> None:
    nodes = tuple(Node(f"task-{number}", Standing.AHEAD) for number in range(400))
    edges = tuple((f"task-{n}", f"task-{n + 1}") for n in range(399))
    picture = parsed(draw_execution(ExecutionGraph(nodes, edges), "Long"))
    assert float(picture.get("width") or 0) < 1000
    assert len(picture.findall(f".//{SVG}rect")) == 400


def test_the_page_of_a_review_has_the_picture(service: Service) -> None:
    execution_id = service.halted()
    desk = Browser(service)
    desk.sign_in()
    review_id = service.pending(execution_id)["task_id"]
    told = desk.get(f"/inbox/reviews/{review_id}")
    (picture,) = re.findall(r"<svg .*?</svg>", told.text, re.DOTALL)
    assert "asks a person" in picture
    assert "style=" not in picture


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.0 s"),
        (59.9, "59.9 s"),
        (61, "1 min 1 s"),
        (7260, "2 h 1 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_times_are_told_in_their_two_largest_units(seconds: float, said: str) -> None:
    assert took(seconds) == said

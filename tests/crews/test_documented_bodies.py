"""What the page on webhooks' bodies shows is what is sent, key by key."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from receiver import Receiver
from service import Service

pytestmark = [
    pytest.mark.crewai,
    pytest.mark.processes,
    pytest.mark.xdist_group("crews"),
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
]

PAGE = (Path(__file__).parents[2] / "docs" / "webhook-bodies.md").read_text(encoding="utf-8")
COMMON, *SECTIONS = re.split(r"^## (\w+)$", PAGE, flags=re.MULTILINE)
BY_KIND = dict(zip(SECTIONS[::2], SECTIONS[1::2], strict=True))

INPUTS = {
    "trip": {"cities": "Lisbon", "range": "May", "origin": "Oslo", "interests": "owls"},
    "meeting": {"participants": "Ada", "subject": "owls", "objective": "peace"},
    "letter": {"topic": "owls"},
}
SHOWN = [
    ("trip", "task", 0),
    ("trip", "step", 0),
    ("trip", "crew", 0),
    ("trip", "stream", 0),
    ("meeting", "human_input", 0),
    ("letter", "human_input", 1),
]
"""Which deployment sends the bodies of each kind, and the place of its body on the page."""

Bodies = dict[tuple[str, str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def sent(service: Service) -> Bodies:
    """The bodies of an execution of each deployment, by deployment and kind."""
    with Receiver() as receiver:
        kinds = {
            "taskWebhookUrl": "task",
            "stepWebhookUrl": "step",
            "crewWebhookUrl": "crew",
            "humanInputWebhookUrl": "human_input",
        }
        hooks: dict[str, Any] = {key: f"{receiver.url}/{kind}" for key, kind in kinds.items()}
        hooks |= {"webhooks": {"url": f"{receiver.url}/stream"}, "carryWebhooks": True}
        ids = {
            name: service.client.kickoff(name, inputs, **hooks) for name, inputs in INPUTS.items()
        }
        service.ended("trip", ids["trip"])
        service.asked("meeting", ids["meeting"])
        service.client.choose(
            "letter", ids["letter"], service.asked("letter", ids["letter"]), "send"
        )
        service.ended("letter", ids["letter"])
        service.until(lambda: "crew_kickoff_completed" in types(receiver, ids["trip"]))
        service.until(lambda: "flow_finished" in types(receiver, ids["letter"]))
        service.until(lambda: all(receiver.of(ids[name], kind) for name, kind, _ in SHOWN))
        return {
            (name, kind): [each.body for each in receiver.of(ids[name], kind)]
            for name in ids
            for kind in (*kinds.values(), "stream")
        }


def types(receiver: Receiver, execution_id: str) -> set[str]:
    bodies = [each.body for each in receiver.of(execution_id, "stream")]
    return {event["type"] for body in bodies for event in body["events"]}


def shown(kind: str) -> list[dict[str, Any]]:
    """The bodies on the page."""
    return [
        json.loads(block) for block in re.findall(r"```json\n(.*?)```", BY_KIND[kind], re.DOTALL)
    ]


def explained(text: str) -> set[str]:
    """The keys that have a row in a table."""
    return set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


@pytest.mark.parametrize(("deployment", "kind", "place"), SHOWN)
def test_a_body_has_the_keys_of_the_one_that_is_shown(
    sent: Bodies, deployment: str, kind: str, place: int
) -> None:
    assert {frozenset(body) for body in sent[deployment, kind]} == {frozenset(shown(kind)[place])}


@pytest.mark.parametrize("kind", BY_KIND)
def test_each_key_is_explained(kind: str) -> None:
    known = explained(COMMON) | explained(BY_KIND[kind])
    assert {key for body in shown(kind) for key in body} <= known


def test_the_objects_of_a_flows_notice_are_those_that_are_shown(sent: Bodies) -> None:
    (body, *_), (_, page) = sent["letter", "human_input"], shown("human_input")
    assert body["request"].keys() == page["request"].keys()
    assert body["deployment"].keys() == page["deployment"].keys()


def test_the_events_have_the_keys_that_their_row_has(sent: Bodies) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", BY_KIND["stream"], re.MULTILINE)
    documented = {kind: set(re.findall(r"`(\w+)`", keys)) for kind, keys in rows}
    (everywhere,) = re.findall(r"These keys are in each: (.*?)\. Beside", BY_KIND["stream"])
    common = set(re.findall(r"`(\w+)`", everywhere))
    events = [
        event
        for (_, kind), bodies in sent.items()
        if kind == "stream"
        for body in bodies
        for event in body["events"]
    ]
    assert len({event["type"] for event in events}) > 10
    for event in events:
        if event["type"] in documented:
            assert set(event["data"]) <= documented[event["type"]] | common, event["type"]

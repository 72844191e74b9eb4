from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from orchestrator.domain.canonical import JsonObject, digest
from orchestrator.domain.timeline import Entry, person_actor, redacted, token_actor, worker_actor

AT = datetime(2026, 11, 22, 13, tzinfo=timezone(timedelta(hours=1)))
ENTRY = Entry(
    execution_id="k-1",
    deployment="newsroom",
    at=AT,
    actor="person:ann@x.example",
    event="review.answer",
    subject_id="r-1",
    task_name="write",
    round=2,
    details={"feedback": "Shorter"},
)


def test_an_actor_is_what_it_is_and_its_name() -> None:
    assert person_actor("ann@x.example") == "person:ann@x.example"
    assert token_actor("desk") == "token:desk"
    assert worker_actor("w-1") == "worker:w-1"


def test_an_entry_says_all_but_where_it_stands() -> None:
    assert ENTRY.says() == {
        "stream": "execution:k-1",
        "execution_id": "k-1",
        "deployment": "newsroom",
        "at": "2026-11-22T12:00:00.000000+00:00",
        "actor": "person:ann@x.example",
        "event": "review.answer",
        "subject_id": "r-1",
        "task_name": "write",
        "round": 2,
        "details": {"feedback": "Shorter"},
    }


def test_an_entry_of_an_endpoint_stands_in_that_ones_stream() -> None:
    entry = Entry("k-1", "newsroom", AT, "sweep", "delivery.send", "d-1", endpoint_id="e-1")
    assert entry.stream == entry.says()["stream"] == "endpoint:e-1"


@pytest.mark.parametrize(
    ("details", "left"),
    [
        ({}, {}),
        ({"state": "ANSWERED"}, {"state": "ANSWERED"}),
        (
            {"state": "ANSWERED", "feedback": "Shorter"},
            {"state": "ANSWERED", "feedback_digest": digest(["salt", "Shorter"])},
        ),
        ({"feedback": None}, {"feedback_digest": digest(["salt", None])}),
    ],
)
def test_a_purge_leaves_a_digest_of_what_a_person_said(
    details: JsonObject, left: JsonObject
) -> None:
    assert redacted(details, "salt") == left

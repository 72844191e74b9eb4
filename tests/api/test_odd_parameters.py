"""Parameters that clients made up by hand: refused, whatever the database."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Service

BEFORE_TIME = "0001-01-01T00:00:00+23:00"
AFTER_TIME = "9999-12-31T23:59:59-23:00"
NOW = "2026-01-01T00:00:00+00:00"

CURSORS = [
    [BEFORE_TIME, "a"],
    [AFTER_TIME, "a"],
    ["2026-01-01T00:00:00", "a"],
    [NOW, "a\0"],
    [NOW, "\ud800"],
    [NOW, None],
    [NOW, 10**300],
    [NOW, ["a"]],
    [NOW],
    {NOW: 1, "a": 2},
]


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize(
    "at", [BEFORE_TIME, AFTER_TIME, "2026-01-01T00:00:00", "2026-01-01", "soon", "0.5", "1e9", ""]
)
def test_a_time_that_has_no_form_in_utc_is_refused(service: Service, name: str, at: str) -> None:
    answer = service.get("/v1/executions", params={name: at})
    assert answer.status_code == 422
    assert name in answer.json()["details"]


@pytest.mark.parametrize("at", [0, 0.5, 1767225600, "0", True, []])
def test_a_number_is_no_time(service: Service, at: object) -> None:
    answer = service.post("/v1/deliveries/replay", {"since": at})
    assert answer.status_code == 422
    assert answer.json()["details"]["since"].startswith("must be a time such as '20")


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"inputs": "x"}, {"inputs": "must be an object"}),
        ({"inputs": {}, "crewWebhookUrl": 7}, {"crewWebhookUrl": "must be a string"}),
        ({"inputs": {}, "carryWebhooks": "yes"}, {"carryWebhooks": "must be true or false"}),
        (
            {"inputs": {}, "webhooks": {"url": "https://h.example", "events": "all"}},
            {"webhooks.events": "must be a list"},
        ),
        (
            {"inputs": {}, "humanInputWebhook": {"url": "https://h.example", "authentication": {}}},
            {"humanInputWebhook.authentication": "must say its 'strategy'"},
        ),
        ({}, {"inputs": "is required"}),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_in_words_of_json(
    service: Service, body: object, details: dict[str, str]
) -> None:
    assert service.post("/crews/plain/kickoff", body).json()["details"] == details


@pytest.mark.parametrize("at", [BEFORE_TIME, AFTER_TIME])
def test_a_replay_since_before_all_time_is_refused(service: Service, at: str) -> None:
    assert service.post("/v1/deliveries/replay", {"since": at}).status_code == 422


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_the_first_and_the_last_moment_are_moments(service: Service, at: str) -> None:
    assert service.get("/v1/executions", params={"since": at}).status_code == 200


@pytest.mark.parametrize("cursor", CURSORS, ids=str)
@pytest.mark.parametrize("path", ["executions", "reviews", "deliveries"])
def test_a_hand_made_cursor_is_refused(service: Service, path: str, cursor: object) -> None:
    made = base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode()
    answer = service.get(f"/v1/{path}", params={"cursor": made})
    assert answer.status_code == 422
    assert "cursor" in answer.json()["details"]

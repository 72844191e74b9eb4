"""What holds of a deployment once its file has it no more, and what its code may go on with."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.domain.canonical import decode, encode
from orchestrator.domain.delivery_policy import DeliveryRules
from orchestrator.domain.deployment import Deployment, OnCodeChange
from orchestrator.domain.plan import Plan, PlannedTask

MINUTE = timedelta(minutes=1)
GONE = Deployment(
    "news",
    runner="",
    target="",
    max_attempts=5,
    max_rounds=2,
    task_time_limit=2 * MINUTE,
    review_timeout=3 * MINUTE,
    carry_webhooks=True,
    on_code_change=OnCodeChange.REFUSE,
    delivery_rules=DeliveryRules((timedelta(), MINUTE), (timedelta(), 2 * MINUTE), True),
    outcome_model="tiny",
    one_by_one=True,
    queue="gpu",
    max_running=4,
)
STORED: dict[str, Any] = {
    "max_attempts": 5,
    "max_rounds": 2,
    "task_time_limit": 120.0,
    "review_timeout": 180.0,
    "carry_webhooks": True,
    "on_code_change": "refuse",
    "outcome_model": "tiny",
    "one_by_one": True,
    "queue": "gpu",
    "max_running": 4,
    "delays": [0.0, 60.0],
    "notice_delays": [0.0, 120.0],
    "stop_on_4xx": True,
}
SAME_TASKS = Deployment("news", "crewai", "news.crew:Crew")
REFUSES = replace(SAME_TASKS, on_code_change=OnCodeChange.REFUSE)
BEGUN = Plan((PlannedTask("research", key="a"), PlannedTask("write", key="b")))
OTHER_PROMPT = Plan((PlannedTask("research", key="a"), PlannedTask("write", key="c")))
OTHER_ORDER = Plan(tuple(reversed(BEGUN.tasks)))


def test_settings_are_stored_with_durations_in_seconds() -> None:
    assert replace(GONE, runner="crewai", target="news.crew:Crew").settings() == STORED


def test_a_receiver_of_reviews_is_not_stored_for_its_address_may_be_secret() -> None:
    hooked = replace(GONE, review_webhook="https://hooks.example/xyzzy")
    assert hooked.settings() == GONE.settings()


def test_the_rules_of_a_deployment_that_left_the_file_hold() -> None:
    assert Deployment.with_settings("news", STORED) == GONE


@pytest.mark.parametrize("deployment", [GONE, Deployment("news", "", "")])
def test_settings_come_back_from_the_store_as_they_were(deployment: Deployment) -> None:
    stored = decode(encode(deployment.settings()))
    assert isinstance(stored, dict)
    assert Deployment.with_settings("news", stored) == deployment


def test_what_another_version_stored_has_the_usual_values_for_what_it_did_not_know() -> None:
    expected = Deployment("news", "", "", max_attempts=7)
    assert Deployment.with_settings("news", {"max_attempts": 7, "of_tomorrow": 1}) == expected


@pytest.mark.parametrize(
    ("deployment", "loaded", "goes_on"),
    [
        (SAME_TASKS, BEGUN, True),
        (SAME_TASKS, OTHER_PROMPT, True),
        (SAME_TASKS, OTHER_ORDER, False),
        (REFUSES, BEGUN, True),
        (REFUSES, OTHER_PROMPT, False),
        (REFUSES, OTHER_ORDER, False),
    ],
)
def test_code_goes_on_with_what_began_where_its_tasks_are_as_alike_as_is_asked(
    deployment: Deployment, loaded: Plan, *, goes_on: bool
) -> None:
    assert deployment.goes_on(BEGUN, loaded) is goes_on

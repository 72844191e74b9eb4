"""What is recorded of the deployment file: every setting, by its name, and no secret."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, time, timedelta
from typing import Any

import pytest

from orchestrator.domain.calls import ToolRules
from orchestrator.domain.canonical import Json, JsonObject, decode, encode
from orchestrator.domain.declaration import LONGEST_VALUE, MOST_CHANGES, changes, declaration
from orchestrator.domain.delivery_policy import DeliveryRules
from orchestrator.domain.deployment import Deployment, OnCodeChange, StatusForm
from orchestrator.domain.permission import Grants, Permission
from orchestrator.domain.review_policy import (
    Ask,
    Automatic,
    Calendar,
    Duration,
    Group,
    ReviewPolicy,
    Rule,
    Rung,
    Source,
)

PLAIN = Deployment("news", "crewai", "news.crew:Crew")
HOOK = "https://ann:secret@hooks.example:8443/services/T0/B1/xyzzy?key=open-sesame"
LEGAL = Ask(Source.GROUP, "legal")
RULE = Rule(
    "write",
    (LEGAL, Ask(Source.ADDRESS, "ann@example.com")),
    calendar="office",
    remind_after=Duration(timedelta(hours=4), working=True),
    ladder=(Rung(Duration(days=2, working=True), (LEGAL,)),),
    automatic=Automatic(Duration(timedelta(days=9)), approved=True),
)
HOLIDAYS = frozenset(date(2026, 5, day) for day in range(1, 10))
POLICY = ReviewPolicy(
    (RULE,),
    {"legal": Group("legal", ("ben@example.com",))},
    {"office": Calendar("office", "Europe/Paris", {0: ((time(9), time(17)),)}, HOLIDAYS)},
    "dan@example.com",
)

OTHERWISE: dict[str, Any] = {
    "runner": "flow",
    "target": "news.flow:Flow",
    "max_attempts": 9,
    "max_rounds": 9,
    "task_time_limit": timedelta(seconds=9),
    "review_timeout": timedelta(seconds=9),
    "carry_webhooks": True,
    "on_code_change": OnCodeChange.REFUSE,
    "renamed": {"write": "draft"},
    "delivery_rules": DeliveryRules(
        (timedelta(), timedelta(minutes=1)), (timedelta(), timedelta(seconds=1.5)), True
    ),
    "outcome_model": "tiny",
    "review_webhook": HOOK,
    "one_by_one": True,
    "status_form": StatusForm.DOCUMENTED,
    "queue": "gpu",
    "max_running": 9,
    "journal": False,
    "tools": ToolRules(("pay_*",), ("mail",)),
    "review_policy": POLICY,
    "grants": Grants({"@example.com": Permission.VIEW}),
}


DECLARED: dict[str, Any] = {
    "runner": "flow",
    "code": "news.flow:Flow",
    "max_attempts": 9,
    "max_rounds": 9,
    "task_time_limit": 9.0,
    "review_timeout": 9.0,
    "carry_webhooks": True,
    "webhook_delays": [0.0, 60.0],
    "human_input_webhook_delays": [0.0, 1.5],
    "webhook_stop_on_4xx": True,
    "on_code_change": "refuse",
    "renamed": {"write": "draft"},
    "status_form": "documented",
    "outcome_model": "tiny",
    "parallel": "one-by-one",
    "queue": "gpu",
    "max_running": 9,
    "review_webhook": "https://hooks.example/… (3679)",
    "journal": False,
    "tools_once": ["pay_*"],
    "tool_approval": ["mail"],
    "creator": "dan@example.com",
    "reviews": [
        {
            "match": "write",
            "ask": ["group:legal", "ann@example.com"],
            "decisions": 1,
            "four_eyes": False,
            "careful": False,
            "calendar": "office",
            "remind_after": "14400 s of working time",
            "ladder": [{"after": "2 days of working time", "ask": ["group:legal"]}],
            "automatic": {"after": "777600 s", "approved": True, "outcome": None, "words": ""},
            "sla": None,
        }
    ],
    "groups": {"legal": {"name": "legal", "members": ["ben@example.com"], "claim_timeout": None}},
    "calendars": {
        "office": {
            "name": "office",
            "zone": "Europe/Paris",
            "hours": {"0": [["09:00:00", "17:00:00"]]},
            "holidays": [f"2026-05-{day:02}" for day in range(1, 10)],
        }
    },
    "permissions": {"@example.com": "view"},
}


def changed(before: Deployment, after: Deployment) -> dict[str, Any]:
    """By way of what is stored."""
    was, is_ = (decode(encode(declaration(each))) for each in (before, after))
    assert isinstance(was, dict)
    assert isinstance(is_, dict)
    return changes(was, is_)


def test_each_setting_of_a_deployment_is_recorded() -> None:
    assert OTHERWISE.keys() == {each.name for each in fields(Deployment)} - {"name"}


def test_a_declaration_has_the_names_of_the_file_and_plain_values() -> None:
    assert declaration(replace(PLAIN, **OTHERWISE)) == DECLARED


@pytest.mark.parametrize("name", OTHERWISE)
def test_a_setting_that_was_edited_is_a_change(name: str) -> None:
    edited = replace(PLAIN, **{name: OTHERWISE[name]})
    assert changed(PLAIN, edited)
    assert changed(edited, edited) == {}


def test_a_change_says_from_what_to_what_by_the_names_of_the_file() -> None:
    edited = replace(PLAIN, max_rounds=3, task_time_limit=timedelta(hours=1), one_by_one=True)
    assert changed(PLAIN, edited) == {
        "max_rounds": {"from": None, "to": 3},
        "task_time_limit": {"from": 1800.0, "to": 3600.0},
        "parallel": {"from": "side-by-side", "to": "one-by-one"},
    }


def test_inside_of_rules_and_tables_names_are_paths() -> None:
    before = replace(PLAIN, review_policy=POLICY, grants=Grants({"ann@x.example": Permission.VIEW}))
    ladder = (Rung(Duration(days=3, working=True), (LEGAL,)),)
    policy = replace(POLICY, rules=(replace(RULE, ask=(LEGAL,), ladder=ladder),))
    manager = Grants({"ann@x.example": Permission.MANAGE, "@y.example": Permission.VIEW})
    assert changed(before, replace(before, review_policy=policy, grants=manager)) == {
        "permissions.@y.example": {"from": None, "to": "view"},
        "permissions.ann@x.example": {"from": "view", "to": "manage"},
        "reviews.1.ask": {"from": ["group:legal", "ann@example.com"], "to": ["group:legal"]},
        "reviews.1.ladder.1.after": {
            "from": "2 days of working time",
            "to": "3 days of working time",
        },
    }


def test_of_a_receiver_only_the_host_is_told_and_that_it_is_another() -> None:
    before = replace(PLAIN, review_webhook=HOOK)
    found = changed(before, replace(PLAIN, review_webhook=HOOK.replace("open", "close")))
    assert found.keys() == {"review_webhook"}
    for told in found["review_webhook"].values():
        assert told.startswith("https://hooks.example/… (")
    for secret in ("secret", "services", "xyzzy", "sesame"):
        assert secret not in str(declaration(before))


def test_what_one_version_of_the_service_does_not_know_was_edited_by_nobody() -> None:
    known = {**declaration(PLAIN)}
    unknown = {name: value for name, value in known.items() if name != "journal"}
    assert changes(unknown, known) == changes(known, unknown) == {}


def test_what_is_told_is_bounded() -> None:
    many = Grants({f"p{n}@example.com": Permission.VIEW for n in range(MOST_CHANGES + 7)})
    found = changed(PLAIN, replace(PLAIN, grants=many))
    assert (len(found), found["…"]) == (MOST_CHANGES + 1, 7)
    long = ToolRules(once=tuple(f"tool_{n}" for n in range(1000)))
    told = changed(PLAIN, replace(PLAIN, tools=long))["tools_once"]["to"]
    assert len(told) == LONGEST_VALUE + 1


def test_a_hundred_changes_are_told_in_full() -> None:
    many = Grants({f"p{n}@example.com": Permission.VIEW for n in range(MOST_CHANGES)})
    found = changed(PLAIN, replace(PLAIN, grants=many))
    assert found.keys() == {f"permissions.{person}" for person in many.to}


@pytest.mark.parametrize(
    ("more", "cut"), [(0, "{0}"), (1, "{1}…")], ids=["as long as may be", "longer"]
)
def test_a_value_is_told_up_to_a_length(more: int, cut: str) -> None:
    model = "m" * (LONGEST_VALUE - len('""') + more)
    encoded = f'"{model}"'[:LONGEST_VALUE]
    told = changed(PLAIN, replace(PLAIN, outcome_model=model))["outcome_model"]
    assert told == {"from": None, "to": cut.format(model, encoded)}


@pytest.mark.parametrize("nothing", [[], {}, None])
def test_rules_where_there_were_none_are_told_by_path_alone(nothing: Json) -> None:
    some: JsonObject = {"reviews": [{"match": "print"}], "reviews_of": 1}
    none: JsonObject = {"reviews": nothing, "reviews_of": 0}
    assert changes(none, some) == {
        "reviews.1.match": {"from": None, "to": "print"},
        "reviews_of": {"from": 0, "to": 1},
    }
    assert changes(some, none) == {
        "reviews.1.match": {"from": "print", "to": None},
        "reviews_of": {"from": 1, "to": 0},
    }

"""Figures of closed reviews: on the API, on a page with charts, and as files for spreadsheets."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from browser import HOSTILE, Browser, runs_a_script
from policies import ANN, approves, hours, policy
from post import TurnedClock

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.api.drawing.charts import Bar, draw_bars, draw_columns
from orchestrator.api.pages.analytics_tables import every_one, harmless, tables
from orchestrator.domain.analytics import Analytics, Outcomes, Volume
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.permission import Permission
from orchestrator.usecases.access.tokens import create_token
from orchestrator.usecases.operations.sweep import sweep

if TYPE_CHECKING:
    from conftest import Service


@pytest.fixture
def decided(service: Service) -> Service:
    """Two rounds of a review, by somebody with a hostile name."""
    execution_id = service.halted()
    for approve in (False, True):
        said = {"is_approve": approve, "reviewer": f"=cmd {HOSTILE}"}
        review_id = service.pending(execution_id)["task_id"]
        told = service.post(f"/v1/reviews/{review_id}/answer", said)
        assert told.status_code == 200, told.text
        service.work()
    return service


def read(service: Service, query: str = "", secret: str | None = None) -> dict[str, Any]:
    told = service.get(f"/v1/analytics{query}", secret)
    assert told.status_code == 200, told.text
    found: dict[str, Any] = told.json()
    return found


def test_the_api_tells_the_figures(decided: Service) -> None:
    found = read(decided)
    (times,) = found["by_task"]
    assert (times["deployment"], times["task_name"], times["reviews"]) == ("article", "write", 2)
    assert {each["outcome"] for each in found["outcomes"]} == {"approved", "changes wanted"}
    assert found["rounds"] == [{"deployment": "article", "rounds": 2, "approvals": 1}]
    assert [each["reviews"] for each in found["days"]] == [2]
    assert found["rejected"][0]["rounds"] == 1


def test_the_answer_of_a_rule_is_nobody_s_and_keeps_no_target(
    serve: Callable[..., Service],
) -> None:
    clock = TurnedClock()
    rules = policy(ANN, automatic=approves(2), sla=hours(4))
    crew = Deployment(
        "article", RunnerKind.FUNCTIONS, "api_test_crews:article", review_policy=rules
    )
    service = serve(DeploymentFile({"article": crew}, "article"), clock=clock)
    service.load()
    service.halted()
    clock.turn(hours=3)
    sweep(service.ports)

    found = read(service)

    assert [each["reviews"] for each in found["outcomes"]] == [1]
    assert (found["by_task"], found["by_person"]) == ([], [])
    assert [(each["kept"], each["missed"]) for each in found["kept"]] == [(0, 1)]


def test_the_days_and_the_deployment_narrow_them(decided: Service) -> None:
    assert read(decided, "?until=2020-01-31")["days"] == []
    assert read(decided, "?deployment=quote")["outcomes"] == []
    assert len(read(decided, "?deployment=article")["outcomes"]) == 2
    midnight = int(datetime.now(UTC).timestamp()) // 86_400 * 86_400
    for wrong in (
        "?since=x",
        f"?since={midnight}",
        "?since=2020-02-02&until=2020-01-01",
        "?since=1000-01-01",
    ):
        assert decided.get(f"/v1/analytics{wrong}").status_code == 422


def test_a_token_of_another_deployment_sees_none_of_them(decided: Service) -> None:
    other = create_token(decided.ports, "other", "quote")[1]
    assert read(decided, secret=other)["outcomes"] == []
    assert decided.get("/v1/analytics?deployment=article", other).status_code == 401


def test_the_page_draws_them_and_hostile_names_are_text(decided: Service) -> None:
    desk = Browser(decided)
    desk.sign_in()
    text = desk.text("/inbox/analytics")
    assert "Time to an answer, by person" in text
    assert text.count("<svg ") >= 6
    assert not runs_a_script(text)
    assert "<img" not in text
    assert 'style="' not in text
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert "Nothing to tell" in desk.text("/inbox/analytics?deployment=quote")


def test_who_may_not_see_a_deployment_gets_no_page_of_it(decided: Service) -> None:
    desk = Browser(decided)
    desk.sign_in(deployment="quote")
    assert "cmd" not in desk.text("/inbox/analytics")
    assert desk.get("/inbox/analytics?deployment=article").status_code == 404
    assert desk.get("/inbox/analytics/by_person.csv?deployment=article").status_code == 404
    assert Browser(decided).get("/inbox/analytics").status_code == 303


def test_who_may_look_and_no_more_sees_no_figures(decided: Service) -> None:
    for permission in (Permission.VIEW, Permission.RESPOND):
        secret = create_token(decided.ports, permission, permission=permission)[1]
        assert decided.get("/v1/analytics", secret).status_code == 403
        desk = Browser(decided)
        desk.use(secret)
        assert desk.get("/inbox/analytics").status_code == 403
        assert desk.get("/inbox/analytics/by_person.csv").status_code == 403
        assert "/inbox/analytics" not in desk.text("/inbox")


def test_days_that_are_none_are_told(decided: Service) -> None:
    desk = Browser(decided)
    desk.sign_in()
    for wrong in ("since=2026-02-31", "since=x", "since=2026-02-02&until=2026-02-01"):
        assert desk.get(f"/inbox/analytics?{wrong}").status_code == 422


def test_each_table_is_a_file_in_which_no_text_is_a_formula(decided: Service) -> None:
    desk = Browser(decided)
    desk.sign_in()
    links = re.findall(r'href="(/inbox/analytics/[^"]*\.csv[^"]*)"', desk.text("/inbox/analytics"))
    assert len(links) >= 6
    for link in links:
        told = desk.get(link.replace("&amp;", "&"))
        assert told.status_code == 200
        assert told.headers["content-type"].startswith("text/csv")
        assert told.headers["content-disposition"].startswith("attachment; ")
    rows = list(csv.reader(io.StringIO(desk.text("/inbox/analytics/by_person.csv"))))
    assert rows[0] == ["person", "reviews", "median_seconds", "p90_seconds"]
    assert rows[1][0].startswith("'=cmd <script>")
    assert desk.get("/inbox/analytics/none.csv").status_code == 404


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\t=1", "\r=1", "  =1", "\n=1"])
def test_a_formula_is_made_a_text(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("value", ["ann@example.com", "a=b", "", 3, -3, 0.5])
def test_what_is_no_formula_stays_as_it_is(value: object) -> None:
    assert harmless(value) == value


def test_a_table_of_many_lines_is_shown_in_part_and_downloaded_whole() -> None:
    lines = tuple(Outcomes("news", f"o{number}", 1) for number in range(200))
    found = Analytics((), (), (), (), (), lines, (), (), ())
    (table,) = (each for each in tables(found) if each.key == "outcomes")
    assert len(table.shown) == 50
    assert len(table.csv.splitlines()) == 201


def test_days_without_a_review_keep_their_place() -> None:
    days = every_one([Volume("2026-02-27", 2), Volume("2026-03-02", 1)], 1)
    assert [(each.day[5:], each.reviews) for each in days] == [
        *(("02-27", 2), ("02-28", 0), ("03-01", 0), ("03-02", 1)),
    ]
    assert len(every_one([Volume("2026-02-02", 2), Volume("2026-02-23", 1)], 7)) == 4


@pytest.mark.parametrize("draw", [draw_bars, draw_columns])
def test_a_chart_tells_its_values_in_words(draw: Any) -> None:
    drawn = draw("key", HOSTILE, [Bar(HOSTILE, (0,), ("0 <b>",)), Bar("b", (3,), ("3",))])
    assert "b: 3." in drawn
    assert "<script" not in drawn
    assert "<b>" not in drawn
    assert "Nothing to tell" in draw("key", "none", [])

"""What operators ask of executions, across deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.usecases.access.tokens import create_token

if TYPE_CHECKING:
    from conftest import Service


def listed(service: Service, query: str = "", secret: str | None = None) -> list[str]:
    page: dict[str, Any] = service.get(f"/v1/executions{query}", secret).json()
    return [execution["execution_id"] for execution in page["executions"]]


def test_a_record_has_all_that_happened(service: Service) -> None:
    execution_id = service.halted()
    service.resume(execution_id, task_id="write", human_feedback="Hmm", is_approve=False)
    service.work()

    record = service.get(f"/v1/executions/{execution_id}").json()

    assert record["state"] == "PENDING_HUMAN_INPUT"
    assert record["inputs"] == {"topic": "bees"}
    rounds = {task["name"]: [run["state"] for run in task["rounds"]] for task in record["tasks"]}
    assert rounds == {
        "research": ["COMMITTED"],
        "write": ["REJECTED", "UNDER_REVIEW"],
        "publish": [],
    }
    assert [review["state"] for review in record["reviews"]] == ["ANSWERED", "PENDING"]
    assert record["reviews"][0]["feedback"] == "Hmm"
    assert record["usage"]["total_tokens"] == 0
    assert "result" not in record


def test_a_timeline_is_in_order_and_names_who_acted(service: Service) -> None:
    execution_id = service.halted("quote")
    service.resume(execution_id, "quote", task_id="decide", is_approve=True)

    told = service.get(f"/v1/executions/{execution_id}/timeline").json()

    events = [entry["event"] for entry in told["timeline"]]
    assert events[:2] == ["execution.create", "task_run.create"]
    assert events[-1] == "execution.succeed"
    answered = next(entry for entry in told["timeline"] if entry["event"] == "review.answer")
    assert answered["actor"] == "token:tests"
    assert told["timeline"] == service.get(f"/v1/executions/{execution_id}").json()["timeline"]


def test_a_finished_record_has_its_result(service: Service) -> None:
    record = service.get(f"/v1/executions/{service.halted('plain')}").json()
    assert record["result"] == {"text": "done"}
    assert record["tasks"][0]["rounds"][0]["output"] == {"text": "done"}


def test_executions_are_listed_newest_first(service: Service) -> None:
    first, second = service.start(), service.start("plain")
    assert listed(service) == [second, first]


def test_a_list_is_read_page_by_page(service: Service) -> None:
    started = [service.start("plain") for _ in range(3)]

    page = service.get("/v1/executions?limit=2").json()
    rest = service.get("/v1/executions", params={"limit": 2, "cursor": page["next"]}).json()

    ids = [line["execution_id"] for line in (*page["executions"], *rest["executions"])]
    assert ids == started[::-1]
    assert "next" not in rest


def test_a_list_is_filtered(service: Service) -> None:
    halted, plain = service.halted(), service.halted("plain")
    assert listed(service, "?deployment=plain") == [plain]
    assert listed(service, "?state=PENDING_HUMAN_INPUT") == [halted]
    assert listed(service, "?deployment=plain&state=QUEUED") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=lost", "state"),
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("limit=101", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=é", "cursor"),
        ("cursor=WzEsMl0=", "cursor"),
        ("cursor=WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzIzOjU5IiwgImEiXQ==", "cursor"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_told(service: Service, query: str, field: str) -> None:
    answer = service.get(f"/v1/executions?{query}")
    assert (answer.status_code, answer.json()["error"]) == (422, "Validation Error")
    assert list(answer.json()["details"]) == [field]


def test_a_token_of_one_deployment_sees_no_other(service: Service) -> None:
    secret = create_token(service.ports, "alice", "plain")[1]
    own, other = service.start("plain"), service.start()

    assert listed(service, secret=secret) == [own]
    assert service.get(f"/v1/executions/{own}", secret).status_code == 200
    assert service.get(f"/v1/executions/{other}", secret).status_code == 404
    assert service.get(f"/v1/executions/{other}/timeline", secret).status_code == 404
    assert service.get("/v1/executions?deployment=article", secret).status_code == 401


def test_an_unknown_execution_is_not_found(service: Service) -> None:
    answer = service.get("/v1/executions/x")
    assert (answer.status_code, answer.json()["error"]) == (404, "Execution not found")

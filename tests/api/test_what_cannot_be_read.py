"""Rows that are damaged, or were encrypted with another key, answer all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import LargeBinary, Text, delete, type_coerce, update

from orchestrator.adapters.sql.schema import checkpoints, endpoints, manifests, outputs, plans

if TYPE_CHECKING:
    from conftest import Service

NO_BYTES = type_coerce(b"no deflated bytes", LargeBinary)

DAMAGES = {
    "output": [update(outputs).values(body=NO_BYTES)],
    "no output": [delete(outputs)],
    "plan": [update(plans).values(body=type_coerce("{]", Text))],
    "no plan": [update(manifests).values(plan_digest=None), delete(plans)],
    "checkpoint": [update(checkpoints).values(format=99)],
}


def write(service: Service, *statements: Any) -> None:
    """Change rows behind the service's back, and let it forget what it knows."""
    with service.ports.store._writer.begin() as connection:
        for statement in statements:
            connection.execute(statement)
    service.ports.store.forget()


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_record_of_a_damaged_execution_can_be_read(service: Service, damage: str) -> None:
    execution_id = service.halted()
    write(service, *DAMAGES[damage])

    for path in (
        f"/v1/executions/{execution_id}",
        f"/v1/executions/{execution_id}/timeline",
        f"/crews/article/status/{execution_id}",
        "/v1/executions",
        "/v1/reviews",
        "/v1/deployments",
        "/metrics",
    ):
        assert service.get(path).status_code == 200, path


@pytest.mark.parametrize("damage", ["output", "no output", "plan", "no plan", "checkpoint"])
def test_an_answer_that_nothing_can_follow_is_refused_with_a_reason(
    service: Service, damage: str
) -> None:
    execution_id = service.halted()
    task = service.pending(execution_id)["task_name"]
    write(service, *DAMAGES[damage])

    body = {"execution_id": execution_id, "task_id": task, "is_approve": True}
    refused = service.post("/crews/article/resume", body)
    assert refused.status_code in {409, 503}
    assert refused.json()["error"] in {"unreadable", "Newer version needed"}


def test_endpoints_of_another_key_are_listed_as_such(service: Service) -> None:
    service.start("article", taskWebhookUrl="https://hooks.example/a")
    write(service, update(endpoints).values(url=b"encrypted with another key"))

    (record,) = service.get("/v1/endpoints").json()["endpoints"]
    assert "url" not in record
    assert "secret key" in record["reason"]
    assert service.get("/metrics").status_code == 200
    pinged = service.post(f"/v1/endpoints/{record['endpoint_id']}/ping")
    assert (pinged.status_code, pinged.json()["error"]) == (409, "secret_key_missing")
    service.start("article", taskWebhookUrl="https://hooks.example/a")

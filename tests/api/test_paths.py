"""Paths and ids as clients of the hosted platform write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Service


@pytest.mark.parametrize(
    "path",
    [
        "/crews/article/status/{id}/",
        "http://testserver//crews/article//status/{id}",
        "/crews/article/{id}/status/",
        "/crews/article/status/{ID}",
        "/v1/executions/{ID}",
        "/v1/executions/{ID}/timeline",
    ],
)
def test_an_execution_is_found_however_its_address_is_written(service: Service, path: str) -> None:
    execution_id = service.start()
    given = service.get(path.format(id=execution_id, ID=execution_id.upper()))
    assert given.status_code == 200
    assert execution_id in given.text


@pytest.mark.parametrize(
    "path", ["/crews/plain/kickoff/", "http://testserver//crews/plain//kickoff"]
)
def test_the_body_of_a_call_with_such_a_path_is_kept(service: Service, path: str) -> None:
    assert service.post(path, {"inputs": {}}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/executions/", "/v1/executions//timeline", "/v1/deliveries//"]
)
def test_an_id_that_is_missing_leads_to_no_other_call(service: Service, path: str) -> None:
    assert service.get(path).status_code == 404


def test_a_resume_may_write_ids_in_capitals(service: Service) -> None:
    execution_id = service.halted()
    review_id = service.pending(execution_id)["task_id"]
    said = {"task_id": review_id.upper(), "is_approve": True}
    assert service.resume(execution_id.upper(), **said).status_code == 200


def test_an_id_in_capitals_narrows_a_list(service: Service) -> None:
    execution_id = service.halted(crewWebhookUrl="https://hooks.example/n")
    service.call("POST", f"/crews/article/stop/{execution_id.upper()}")
    found = service.get("/v1/deliveries", params={"execution_id": execution_id.upper()})
    assert [each["kind"] for each in found.json()["deliveries"]] == ["crew"]

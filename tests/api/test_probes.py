from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator.usecases.operations.load_deployments import load_deployments

if TYPE_CHECKING:
    from conftest import Service


def test_a_process_that_answers_is_live(serve: Callable[..., Service]) -> None:
    answer = serve().client.get("/livez")
    assert (answer.status_code, answer.text) == (200, "ok")


def test_a_service_without_workers_says_what_is_missing(serve: Callable[..., Service]) -> None:
    answer = serve().client.get("/healthz")

    assert answer.status_code == 503
    assert answer.json()["crew_workers"] == []
    assert "article" in answer.json()["not_loaded"]
    assert answer.json()["message"].endswith("No crew worker was seen lately.")


def test_manifests_alone_are_not_enough(serve: Callable[..., Service]) -> None:
    service = serve()
    load_deployments(service.ports, "w-1")
    assert service.client.get("/healthz").status_code == 503


def test_a_service_with_a_crew_worker_is_ready(service: Service) -> None:
    answer = service.client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert answer.json()["crew_workers"] == ["w-1"]

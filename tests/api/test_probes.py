from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.domain.deployment import Deployment
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
    load_deployments(service.ports, "w-1", service.ports.deployments.queues())
    assert service.client.get("/healthz").status_code == 503


def test_a_service_with_a_crew_worker_is_ready(service: Service) -> None:
    answer = service.client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert answer.json()["crew_workers"] == ["w-1"]


def test_deployments_that_do_not_load_are_named(service: Service) -> None:
    answer = service.client.get("/healthz").json()
    assert answer["broken"] == ["broken"]
    assert answer["message"].startswith("Ready. Does not load: broken")


def test_a_service_on_which_every_kickoff_fails_is_not_ready(serve: Callable[..., Service]) -> None:
    broken = Deployment("broken", RunnerKind.FUNCTIONS, "api_test_crews:nothing")
    service = serve(DeploymentFile({"broken": broken}))
    service.load()
    answer = service.client.get("/healthz")
    assert (answer.status_code, answer.json()["broken"]) == (503, ["broken"])


@pytest.mark.parametrize("base", ["", "/crews/article"])
def test_the_platforms_own_probe_needs_no_token(service: Service, base: str) -> None:
    answer = service.client.get(f"{base}/healthcheck")
    assert (answer.status_code, answer.text) == (200, "Healthy")

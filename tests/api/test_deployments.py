from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator.usecases.access.tokens import create_token

if TYPE_CHECKING:
    from conftest import Service


def test_a_deployment_is_described(service: Service) -> None:
    first = service.get("/v1/deployments").json()["deployments"][0]

    assert first.pop("loaded_at")
    assert first == {
        "name": "article",
        "url": "http://testserver/crews/article",
        "default": True,
        "health": "ready",
        "inputs": ["topic"],
        "tasks": ["research", "write", "publish"],
    }


def test_a_deployment_that_does_not_load_says_why(service: Service) -> None:
    broken = service.get("/v1/deployments").json()["deployments"][-1]
    assert (broken["name"], broken["health"], broken["inputs"]) == ("broken", "broken", [])
    assert "has no attribute 'nothing'" in broken["error"]


def test_a_deployment_that_no_worker_loaded(serve: Callable[..., Service]) -> None:
    found = serve(public_url="https://crews.example").get("/v1/deployments").json()
    assert {one["health"] for one in found["deployments"]} == {"not loaded"}
    assert found["deployments"][0]["url"] == "https://crews.example/crews/article"


def test_a_token_of_one_deployment_sees_no_other(service: Service) -> None:
    secret = create_token(service.ports, "alice", "plain")[1]
    found = service.get("/v1/deployments", secret).json()["deployments"]
    assert [one["name"] for one in found] == ["plain"]

"""Who may call what."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.domain.deployment import Deployment
from orchestrator.usecases.access.tokens import create_token

if TYPE_CHECKING:
    from conftest import Service

CALLS = [
    ("GET", "/"),
    ("GET", "/inputs"),
    ("POST", "/kickoff"),
    ("GET", "/status/x"),
    ("POST", "/resume"),
    ("POST", "/stop/x"),
]
V1 = [
    ("GET", "/v1/executions"),
    ("GET", "/v1/executions/x"),
    ("GET", "/v1/executions/x/timeline"),
    ("GET", "/v1/reviews"),
    ("POST", "/v1/reviews/x/answer"),
    ("GET", "/v1/deployments"),
]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
@pytest.mark.parametrize("base", ["", "/crews/article", "/crews/unknown"])
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_call_needs_a_token(
    service: Service, method: str, path: str, base: str, headers: dict[str, str]
) -> None:
    answer = service.client.request(method, base + path, headers=headers, content=b"{no json")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json() == {
        "error": "Unauthorized",
        "message": "Invalid or missing bearer token",
        "detail": "Invalid or missing bearer token",
    }


@pytest.mark.parametrize(("method", "path"), V1)
def test_every_call_across_deployments_needs_a_token(
    service: Service, method: str, path: str
) -> None:
    assert service.client.request(method, path).status_code == 401


@pytest.mark.parametrize("path", ["/openapi.json", "/livez", "/healthz"])
def test_three_paths_are_open(service: Service, path: str) -> None:
    assert service.client.get(path).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
def test_the_scheme_may_be_written_in_any_case(service: Service, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {service.secret}"}
    assert service.client.get("/", headers=headers).text == "Healthy"


@pytest.mark.parametrize("scheme", ["Basic", "Token", ""])
def test_no_other_scheme_will_do(service: Service, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {service.secret}"}
    assert service.client.get("/", headers=headers).status_code == 401


def test_a_token_of_one_deployment_is_valid_for_no_other(service: Service) -> None:
    secret = create_token(service.ports, "alice", "plain")[1]

    assert service.get("/crews/plain/", secret).status_code == 200
    assert service.get("/crews/article/", secret).status_code == 401
    assert service.get("/crews/unknown/", secret).status_code == 401


def test_a_revoked_token_is_not_valid(service: Service) -> None:
    token, secret = create_token(service.ports, "alice")
    service.ports.store.transact(lambda tx: tx.tokens.revoke(token.id, service.ports.clock.now()))

    assert service.get("/", secret).status_code == 401


def test_an_unknown_deployment_is_not_found(service: Service) -> None:
    answer = service.get("/crews/unknown/inputs")

    assert answer.status_code == 404
    assert answer.json()["error"] == "Deployment not found"
    assert "article" in answer.json()["message"]


@pytest.mark.parametrize("base", ["", "/crews/article"])
def test_get_says_healthy(service: Service, base: str) -> None:
    answer = service.get(f"{base}/")
    assert (answer.status_code, answer.text) == (200, "Healthy")
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_the_base_url_works_without_its_last_slash(service: Service) -> None:
    assert service.get("/crews/article").text == "Healthy"


def test_the_root_serves_the_default_deployment(service: Service) -> None:
    execution_id = service.post("/kickoff", {"inputs": {"topic": "bees"}}).json()["kickoff_id"]
    assert service.get(f"/crews/article/status/{execution_id}").status_code == 200


@pytest.fixture
def undecided(serve: Callable[..., Service]) -> Service:
    """Two deployments, none of which is the default one."""
    names = ("a", "b")
    declared = {n: Deployment(n, RunnerKind.FUNCTIONS, "api_test_crews:plain") for n in names}
    return serve(DeploymentFile(declared), public_url="https://crews.example")


def test_a_root_without_default_lists_where_to_go(undecided: Service) -> None:
    answer = undecided.get("/inputs")

    assert answer.status_code == 404
    assert "https://crews.example/crews/a, https://crews.example/crews/b" in answer.text


def test_nobody_sees_that_list_without_a_token(undecided: Service) -> None:
    assert undecided.client.get("/inputs").status_code == 401


@pytest.mark.parametrize("path", ["/", "/inputs"])
def test_the_root_means_the_deployment_of_the_token(undecided: Service, path: str) -> None:
    undecided.load()
    secret = create_token(undecided.ports, "alice", "b")[1]
    assert undecided.get(path, secret).status_code == 200


def test_a_client_that_drops_the_path_starts_its_own_crew_and_not_the_default_one(
    service: Service,
) -> None:
    secret = create_token(service.ports, "alice", "plain")[1]
    execution_id = service.post("/kickoff", {"inputs": {}}, secret).json()["kickoff_id"]
    assert service.get(f"/crews/plain/status/{execution_id}", secret).status_code == 200
    assert service.get(f"/status/{execution_id}", secret).status_code == 200
    assert service.get(f"/crews/article/status/{execution_id}").status_code == 404

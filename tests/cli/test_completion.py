from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pytest_httpserver import HTTPServer

from orchestrator.cli.completion import deployment_names, execution_ids, review_ids

if TYPE_CHECKING:
    from conftest import Command, Work


class Typed:
    """What was typed before."""

    def __init__(self, **params: object) -> None:
        self.params = params


TYPED: Any = Typed()


def test_names_of_deployments_are_completed(command: Command) -> None:
    assert deployment_names(TYPED, "art") == ["article"]
    assert deployment_names(TYPED, "x") == []


def test_ids_are_completed_with_what_they_are(command: Command, work: Work) -> None:
    execution_id = command("kickoff", "article", "-i", "topic=bees")
    work()
    (review,) = command.json("reviews", "list")
    assert execution_ids(TYPED, execution_id[:8]) == [
        (execution_id, "article, PENDING_HUMAN_INPUT")
    ]
    assert review_ids(TYPED, "") == [(review["review_id"], "article, write")]
    assert execution_ids(TYPED, "x") == review_ids(TYPED, "x") == []


def test_nothing_is_completed_where_there_is_nothing(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATA", "/nowhere")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nowhere")
    assert execution_ids(TYPED, "") == review_ids(TYPED, "") == []


def test_the_service_that_was_typed_is_asked(httpserver: HTTPServer) -> None:
    deployments = {"deployments": [{"name": "article"}, {"name": "letter"}]}
    httpserver.expect_request("/v1/deployments").respond_with_json(deployments)
    typed: Any = Typed(url=httpserver.url_for("/"), token="secret")
    assert deployment_names(typed, "a") == ["article"]
    (request, _), *_ = httpserver.log
    assert request.headers["Authorization"] == "Bearer secret"


def test_a_token_is_not_taken_along_to_another_address(httpserver: HTTPServer) -> None:
    with HTTPServer("127.0.0.2", 0) as elsewhere:
        elsewhere.expect_request("/caught").respond_with_json({"deployments": []})
        moved = {"Location": elsewhere.url_for("/caught")}
        httpserver.expect_request("/v1/deployments").respond_with_data(status=302, headers=moved)
        typed: Any = Typed(url=httpserver.url_for("/"), token="secret")
        assert deployment_names(typed, "") == []
        ((request, _),) = elsewhere.log
    assert "Authorization" not in request.headers


@pytest.mark.parametrize("answer", ["[]", "{}", "nonsense", '{"deployments": [1]}'])
def test_nonsense_completes_nothing(httpserver: HTTPServer, answer: str) -> None:
    httpserver.expect_request("/v1/deployments").respond_with_data(answer)
    typed: Any = Typed(url=httpserver.url_for("/"), token="secret")
    assert deployment_names(typed, "") == []

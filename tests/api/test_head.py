from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Service

LISTENED = "/v1/executions/{execution_id}/events"


@pytest.mark.parametrize("path", ["/livez", "/healthz", "/v1/executions", "/crews/article/inputs"])
def test_head_is_answered_as_get_is_without_a_body(service: Service, path: str) -> None:
    head, get = service.call("HEAD", path), service.get(path)
    assert head.status_code == get.status_code == 200
    assert head.content == b""
    assert head.headers["Content-Type"] == get.headers["Content-Type"]
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


def test_head_of_what_has_no_end_ends(service: Service) -> None:
    answer = service.call("HEAD", LISTENED.format(execution_id=service.start()))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/event-stream")


def test_head_needs_the_token_that_get_needs(service: Service) -> None:
    assert service.call("HEAD", "/v1/executions", "no token").status_code == 401


def test_what_takes_no_get_takes_no_head(service: Service) -> None:
    answer = service.call("HEAD", "/crews/article/kickoff")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")

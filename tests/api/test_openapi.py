"""The OpenAPI document says what the API does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

if TYPE_CHECKING:
    from conftest import Service

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture
def document(service: Service) -> dict[str, Any]:
    body: dict[str, Any] = service.client.get("/openapi.json").json()
    return body


def test_it_lists_the_calls_under_their_deployment(document: dict[str, Any]) -> None:
    crews = [path for path in document["paths"] if path.startswith("/crews/{deployment}/")]
    assert len(crews) == 6
    assert "/kickoff" not in document["paths"]


def test_every_call_with_a_body_may_be_answered_400_413_and_422(document: dict[str, Any]) -> None:
    posts = [path["post"] for path in document["paths"].values() if "post" in path]
    answers = [set(call["responses"]) for call in posts if "requestBody" in call]
    assert len(answers) == 3
    assert all({"400", "401", "404", "413", "422"} <= statuses for statuses in answers)


def test_it_never_names_an_answer_that_is_not_ours(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in str(document)


@pytest.mark.parametrize("key", ["executionId", "execution_id", "isApprove", "is_approve"])
def test_it_knows_both_casings(document: dict[str, Any], key: str) -> None:
    assert key in document["components"]["schemas"]["ResumeBody"]["properties"]

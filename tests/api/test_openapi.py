"""The OpenAPI document says what the API does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

if TYPE_CHECKING:
    from conftest import Service

RESPOND = "/crewai_plus/api/v1/human_feedback_requests/{review_id}/respond"

NOT_EVERY_INPUT_FITS = [positive_data_acceptance]
"""What the document allows may still lack an input of this crew, or name a closed review."""

BOUNDED = settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def document(service: Service) -> dict[str, Any]:
    body: dict[str, Any] = service.client.get("/openapi.json").json()
    return body


def test_it_lists_the_calls_under_their_deployment(document: dict[str, Any]) -> None:
    crews = [path for path in document["paths"] if path.startswith("/crews/{deployment}/")]
    assert len(crews) >= 6
    assert "/kickoff" not in document["paths"]


def test_every_call_with_a_body_may_be_answered_400_413_and_422(document: dict[str, Any]) -> None:
    posts = [path["post"] for path in document["paths"].values() if "post" in path]
    answers = [set(call["responses"]) for call in posts if "requestBody" in call]
    assert answers
    assert all({"400", "401", "413", "422"} <= statuses for statuses in answers)


def test_the_callback_of_a_notice_asks_for_no_bearer_token(document: dict[str, Any]) -> None:
    call = document["paths"][RESPOND]["post"]
    assert "security" not in call
    assert [each["name"] for each in call["parameters"]] == ["review_id", "token"]
    assert {"200", "401", "409"} <= set(call["responses"])


def test_it_never_names_an_answer_that_is_not_ours(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in str(document)


@pytest.mark.parametrize("key", ["executionId", "execution_id", "isApprove", "is_approve"])
def test_it_knows_both_casings(document: dict[str, Any], key: str) -> None:
    assert key in document["components"]["schemas"]["ResumeBody"]["properties"]


@pytest.mark.filterwarnings("ignore")  # the library's own, about what it makes up
def test_every_answer_is_one_that_it_declares(service: Service) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", service.client.app)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert operations
    for operation in operations:
        fuzz(operation, {"Authorization": f"Bearer {service.secret}"})


@pytest.mark.filterwarnings("ignore")  # the library's own, about what it makes up
@pytest.mark.parametrize("deployment", ["article", "flow"])
def test_every_answer_of_the_callback_to_who_has_its_token_is_one_that_it_declares(
    serve: Callable[..., Service], deployment: str
) -> None:
    service = serve(public_url="https://crews.example.test")
    service.load()
    schema = schemathesis.openapi.from_asgi("/openapi.json", service.client.app)
    respond = schema[RESPOND]["POST"]
    statuses: list[int] = []

    @given(case=respond.as_strategy())
    @BOUNDED
    def call(case: schemathesis.Case) -> None:
        execution_id = service.halted(deployment, humanInputWebhookUrl="https://hooks.example/n")
        url = urlsplit(service.notice(execution_id)["callback_url"])
        case.path_parameters["review_id"] = url.path.split("/")[-2]
        case.query = dict(parse_qsl(url.query))
        statuses.append(case.call_and_validate(excluded_checks=NOT_EVERY_INPUT_FITS).status_code)

    call()
    assert 200 in statuses
    assert 401 not in statuses


def fuzz(operation: schemathesis.APIOperation, headers: dict[str, str]) -> None:
    """Call an operation with whatever its schema allows, of a deployment that exists."""

    @given(case=operation.as_strategy())
    @BOUNDED
    def call(case: schemathesis.Case) -> None:
        if "deployment" in case.path_parameters:
            case.path_parameters["deployment"] = "article"
        case.call_and_validate(headers=headers, excluded_checks=NOT_EVERY_INPUT_FITS)

    call()

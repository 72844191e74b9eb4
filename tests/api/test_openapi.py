"""The OpenAPI document says what the API does."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

if TYPE_CHECKING:
    from conftest import Service

RESPOND = "/crewai_plus/api/v1/human_feedback_requests/{review_id}/respond"

NOT_EVERY_INPUT_FITS = [positive_data_acceptance]
"""What the document allows may still lack an input of this crew, or name a closed review."""

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "5"))
"""How often each call is made; with FUZZ_ANEW in the environment each time otherwise."""

BOUNDED = settings(
    max_examples=EXAMPLES,
    derandomize="FUZZ_ANEW" not in os.environ,
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


def test_every_call_with_a_token_may_be_answered_503(document: dict[str, Any]) -> None:
    calls = [call for path in document["paths"].values() for call in path.values()]
    answers = [set(call["responses"]) for call in calls if "401" in call["responses"]]
    assert answers
    assert all("503" in statuses for statuses in answers)


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/v1/executions/{execution_id}/events", "text/event-stream"),
        ("/v1/deployments/{name}/events", "text/event-stream"),
        ("/v1/reviews/events", "text/event-stream"),
        ("/metrics", "text/plain"),
    ],
)
def test_it_knows_what_is_no_json(document: dict[str, Any], path: str, media_type: str) -> None:
    assert list(document["paths"][path]["get"]["responses"]["200"]["content"]) == [media_type]


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("ResumeBody", {"execution_id": "x", "human_feedback": "fine"}),
        ("ResumeBody", {"execution_id": "x", "task_id": "y"}),
        ("ResumeBody", {"task_id": "y", "is_approve": True}),
        ("AnswerBody", {"reviewer": "ann", "is_approve": None}),
        ("RespondBody", {"source": "slack"}),
        ("StopBody", {}),
        ("StopBody", {"batch": None}),
        ("ReplayBody", {}),
    ],
)
def test_a_body_that_says_too_little_does_not_fit(
    document: dict[str, Any], service: Service, model: str, body: dict[str, Any]
) -> None:
    schema = {"$ref": f"#/components/schemas/{model}", "components": document["components"]}
    assert not Draft202012Validator(schema).is_valid(body)


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("ResumeBody", {"executionId": "x", "taskId": "y", "isApprove": False}),
        ("AnswerBody", {"outcome": "go"}),
        ("RespondBody", {"feedback": "go"}),
        ("StopBody", {"deployment": "article"}),
        ("ReplayBody", {"endpoint_id": "x"}),
        ("KickoffBody", {"inputs": None}),
    ],
)
def test_a_body_that_says_enough_fits(
    document: dict[str, Any], model: str, body: dict[str, Any]
) -> None:
    schema = {"$ref": f"#/components/schemas/{model}", "components": document["components"]}
    assert Draft202012Validator(schema).is_valid(body)


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
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_one_that_it_declares(service: Service, mode: GenerationMode) -> None:
    service = dataclasses.replace(service, limit=100_000_000, clients=[])  # 413 answers no schema
    schema = schemathesis.openapi.from_asgi("/openapi.json", service.client.app)
    every = [found.ok() for found in schema.get_all_operations()]
    operations = [each for each in every if not each.path.endswith("/events")]  # without an end
    assert operations
    for operation in operations:
        fuzz(operation, {"Authorization": f"Bearer {service.secret}"}, mode)


@pytest.mark.filterwarnings("ignore")  # the library's own, about what it makes up
@pytest.mark.parametrize(
    ("deployment", "body"), [("article", {"is_approve": True}), ("flow", {"outcome": "go"})]
)
def test_every_answer_of_the_callback_to_who_has_its_token_is_one_that_it_declares(
    serve: Callable[..., Service], deployment: str, body: dict[str, Any]
) -> None:
    service = serve(public_url="https://crews.example.test")
    service.load()
    schema = schemathesis.openapi.from_asgi("/openapi.json", service.client.app)
    respond = schema[RESPOND]["POST"]
    statuses: list[int] = []

    def answered(case: schemathesis.Case) -> None:
        execution_id = service.halted(deployment, humanInputWebhookUrl="https://hooks.example/n")
        url = urlsplit(service.notice(execution_id)["callback_url"])
        case.path_parameters["review_id"] = url.path.split("/")[-2]
        case.query = dict(parse_qsl(url.query))
        statuses.append(case.call_and_validate(excluded_checks=NOT_EVERY_INPUT_FITS).status_code)

    given(case=respond.as_strategy())(BOUNDED(answered))()
    answered(respond.Case(body=body))
    assert statuses[-1] == 200
    assert 401 not in statuses


def fuzz(
    operation: schemathesis.APIOperation, headers: dict[str, str], mode: GenerationMode
) -> None:
    """Call an operation with what its schema allows, or does not, of a deployment that exists."""
    unknown_parameters = [] if len(operation.body) else [negative_data_rejection]  # are ignored

    @given(case=operation.as_strategy(generation_mode=mode))
    @BOUNDED
    def call(case: schemathesis.Case) -> None:
        if "deployment" in case.path_parameters:
            case.path_parameters["deployment"] = "article"
        excluded = [*NOT_EVERY_INPUT_FITS, *unknown_parameters]
        case.call_and_validate(headers=headers, excluded_checks=excluded)

    with suppress(Unsatisfiable) if mode is GenerationMode.NEGATIVE else nullcontext():
        call()  # a call without parameters cannot be made wrongly

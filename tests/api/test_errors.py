"""How failures that are nobody's call are told."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from orchestrator import errors
from orchestrator.api.common.errors import MEANINGS

if TYPE_CHECKING:
    from conftest import Service

INTERNAL = {
    "OrchestratorError",
    "TaskFailed",
    "OutOfTime",
    "ClaimLost",
    "IllegalTransition",
    "InvalidSettings",
    "AddressInUse",
    "AlreadyRunning",
    "BrokerFailed",
    "CannotBackUp",
    "CannotLookUp",
    "CannotRestore",
    "MailboxAway",
}
"""Errors that no call should end in; if one does, it is a 500."""


def test_every_error_has_a_meaning() -> None:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    ours = [kind for kind in kinds if issubclass(kind, errors.OrchestratorError)]
    unmapped = {kind.__name__ for kind in ours if not MEANINGS.keys() & set(kind.__mro__)}
    assert unmapped == INTERNAL


def test_an_unknown_path_is_told_in_our_form(service: Service) -> None:
    answer = service.get("/nowhere")
    assert answer.status_code == 404
    assert answer.json().keys() == {"error", "message", "detail"}
    assert answer.json()["message"].startswith("GET /nowhere:")


def test_a_wrong_method_is_told_with_the_right_one(service: Service) -> None:
    answer = service.call("DELETE", "/crews/article/kickoff")
    assert (answer.status_code, answer.json()["error"]) == (405, "Method Not Allowed")
    assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("secret"), errors.IllegalTransition("secret")], ids=["any", "ours"]
)
def test_what_nobody_planned_is_logged_not_told(
    service: Service, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("orchestrator.api.platform.calls.snapshot", fail)
    with capture_logs() as lines:
        answer = service.get("/crews/article/status/x")

    assert (answer.status_code, answer.json()["error"]) == (500, "Internal Server Error")
    assert "secret" not in answer.text
    assert [line["exc_info"] for line in lines if line["log_level"] == "error"]
    also_takes_pages = service.get("/crews/article/status/x", headers={"Accept": "text/html"})
    assert also_takes_pages.json()["error"] == "Internal Server Error"


def test_a_browser_is_shown_a_page_of_what_nobody_planned(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("orchestrator.api.front_page.message_of", fail)
    of_a_proxy = {"Authorization": "Basic YW5uOg=="}
    shown = service.client.get("/", headers={"Accept": "text/html", **of_a_proxy})
    assert (shown.status_code, shown.headers["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert f"X-Request-ID: {shown.headers['X-Request-ID']}" in shown.text
    assert "secret" not in shown.text

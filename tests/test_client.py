"""What the client makes of servers that are not quite ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from orchestrator import CallRefused, Client
from orchestrator.client import read_health
from orchestrator.errors import Invalid
from orchestrator.testing import _inherited


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("answer", ["<html>", "[]", "7", ""])
def test_what_is_no_json_object_is_refused(
    httpserver: HTTPServer, status: int, answer: str
) -> None:
    httpserver.expect_request("/v1/deployments").respond_with_data(answer, status)
    with (
        Client(httpserver.url_for("/"), "t") as service,
        pytest.raises(CallRefused, match="is it ours"),
    ):
        service.call("GET", "/v1/deployments")


def test_the_text_of_a_result_is_read_in_both_forms(httpserver: HTTPServer) -> None:
    known = {"kickoff_id": "x", "status": "completed"}
    for path, result in (("a", "text"), ("b", {"output": "text", "tasks": []}), ("c", None)):
        answer = {**known, "result": result}
        httpserver.expect_request(f"/crews/{path}/status/x").respond_with_json(answer)
    with Client(httpserver.url_for("/"), "t") as service:
        assert [service.status(path, "x").result for path in "abc"] == ["text", "text", None]


def test_nobody_s_retry_after_is_waited_for(httpserver: HTTPServer) -> None:
    """A proxy may ask for hours, and no timeout would end that pause."""
    busy = {"message": "Later."}
    httpserver.expect_request("/v1/deployments").respond_with_json(busy, 503, {"Retry-After": "0"})
    with Client(httpserver.url_for("/"), "t") as service, pytest.raises(CallRefused, match="Later"):
        service.call("GET", "/v1/deployments")
    assert len(httpserver.log) == 1


def test_who_waits_outlasts_a_service_that_is_busy(httpserver: HTTPServer) -> None:
    status, ended = "/crews/article/status/x", {"kickoff_id": "x", "status": "completed"}
    httpserver.expect_ordered_request(status).respond_with_json({"message": "Busy"}, 503)
    httpserver.expect_ordered_request(status).respond_with_json(ended)
    with Client(httpserver.url_for("/"), "t") as service:
        assert service.wait("article", "x").has_ended


def test_a_password_for_the_host_is_not_sent_instead_of_the_token(
    httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.1 login ann password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    httpserver.expect_request("/v1/deployments").respond_with_json({})
    with Client(f"http://127.1:{httpserver.port}", "t") as service:
        service.call("GET", "/v1/deployments")
    assert httpserver.log[0][0].headers["Authorization"] == "Bearer t"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_call_is_not_made_elsewhere(httpserver: HTTPServer, status: int) -> None:
    """A browser's rules would have made a GET of it, without the body."""
    httpserver.expect_request("/v1/batches").respond_with_data(
        "<html>", status, {"Location": "https://crews.example/v1/batches"}
    )
    with (
        Client(httpserver.url_for("/"), "t") as service,
        pytest.raises(CallRefused, match=r"leads to https://crews\.example/v1/batches:") as refused,
    ):
        service.call("POST", "/v1/batches", {})
    assert refused.value.status == status


def test_an_empty_id_is_no_other_call(httpserver: HTTPServer) -> None:
    with Client(httpserver.url_for("/"), "t") as service, pytest.raises(Invalid, match="is no id"):
        service.status("article", "")
    assert httpserver.log == []


@pytest.mark.parametrize(
    ("answer", "status", "found"),
    [
        ('{"status": "ok", "broken": ["x"], "not_loaded": []}', 200, (True, False)),
        ('{"status": "unavailable", "broken": ["x"], "not_loaded": []}', 503, (False, True)),
        ('{"status": "unavailable", "broken": ["x"], "not_loaded": ["y"]}', 503, (False, False)),
        ('{"error": "Busy"}', 503, (False, False)),
        ("<html>", 502, (False, False)),
        ("[]", 200, (False, False)),
    ],
)
def test_health_is_read_whatever_comes(
    httpserver: HTTPServer, answer: str, status: int, found: tuple[bool, bool]
) -> None:
    httpserver.expect_request("/healthz").respond_with_data(answer, status)
    health = read_health(httpserver.url_for("/"))
    assert (health.is_ok, health.is_hopeless) == found


def test_health_of_nobody_is_not_known() -> None:
    assert not read_health("http://127.0.0.1:9").said


def test_no_proxy_is_asked_for_what_is_on_this_machine(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    httpserver.expect_request("/healthz").respond_with_json({"status": "ok"})
    httpserver.expect_request("/v1/deployments").respond_with_json({"deployments": []})
    assert read_health(httpserver.url_for("/")).is_ok
    with Client(httpserver.url_for("/"), "t") as service:
        assert service.call("GET", "/v1/deployments") == {"deployments": []}


def test_a_service_for_tests_has_no_settings_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", "sqlite:////somewhere/real.db")
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    assert "OPENAI_API_KEY" in _inherited()
    assert not any(name.startswith("ORCHESTRATOR_") for name in _inherited())

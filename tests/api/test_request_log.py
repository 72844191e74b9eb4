from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest
import structlog
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

if TYPE_CHECKING:
    from conftest import Service


def test_each_answer_names_its_request(service: Service) -> None:
    assert UUID(service.get("/").headers["X-Request-ID"])


def test_a_client_may_name_its_request(service: Service) -> None:
    answer = service.get("/", headers={"X-Request-ID": "trace-1"})
    assert answer.headers["X-Request-ID"] == "trace-1"


@pytest.mark.parametrize("name", ["", "a b", "x" * 129, "é"])
def test_not_by_any_text(service: Service, name: str) -> None:
    answer = service.get("/", headers={"X-Request-ID": name.encode()})
    assert UUID(answer.headers["X-Request-ID"])


def test_each_request_is_one_line_that_says_what_it_was_about(service: Service) -> None:
    execution_id = service.start()

    with capture_logs(processors=[merge_contextvars]) as lines:
        service.get(f"/crews/article/status/{execution_id}", headers={"X-Request-ID": "r"})

    (line,) = lines
    assert line.pop("seconds") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "path": f"/crews/article/status/{execution_id}",
        "status": 200,
        "request_id": "r",
        "deployment": "article",
        "execution_id": execution_id,
    }


def test_the_use_cases_lines_carry_the_ids_too(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tell(*_: object) -> None:
        structlog.get_logger().info("inside")
        raise LookupError

    monkeypatch.setattr("orchestrator.api.platform.calls.snapshot", tell)
    with capture_logs(processors=[merge_contextvars]) as lines:
        service.get("/status/e-1", headers={"X-Request-ID": "r"})

    inside = next(line for line in lines if line["event"] == "inside")
    assert (inside["execution_id"], inside["request_id"]) == ("e-1", "r")

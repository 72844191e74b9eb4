from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Service


def test_a_running_execution_is_stopped(service: Service) -> None:
    execution_id = service.start()

    answer = service.post(f"/crews/article/stop/{execution_id}")

    assert answer.status_code == 200
    assert answer.json() == {"status": "stopped", "kickoffId": execution_id}


def test_a_stopped_execution_runs_nothing_more(service: Service) -> None:
    execution_id = service.start()
    service.post(f"/crews/article/stop/{execution_id}")
    service.work()
    assert service.status(execution_id)["progress"]["completed"] == 0


def refused(service: Service, deployment: str, execution_id: str) -> str:
    answer = service.post(f"/crews/{deployment}/stop/{execution_id}")
    assert answer.status_code == 400
    return str(answer.json()["detail"])


def test_what_has_ended_is_not_stopped(service: Service) -> None:
    done, failed = service.halted("plain"), service.halted("doomed")

    prefix = "Cannot stop execution. Current state:"
    assert refused(service, "plain", done) == f"{prefix} SUCCESS"
    assert refused(service, "doomed", failed) == f"{prefix} FAILURE"


def test_a_stop_is_not_repeated(service: Service) -> None:
    execution_id = service.start()
    service.post(f"/crews/article/stop/{execution_id}")
    assert refused(service, "article", execution_id).endswith("REVOKED")


def test_an_unknown_execution_is_not_stopped(service: Service) -> None:
    assert service.post("/crews/article/stop/x").status_code == 404
    assert service.post(f"/crews/plain/stop/{service.start()}").status_code == 404

"""A service is stopped while a crew waits for its model."""

from __future__ import annotations

import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from model_server import ModelServer
from service import Service

pytestmark = [
    pytest.mark.crewai,
    pytest.mark.processes,
    pytest.mark.xdist_group("crews"),
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
]


class SlowModel(ModelServer):
    """Does not answer before its test is over."""

    def __init__(self) -> None:
        super().__init__()
        self.is_over = threading.Event()

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(body)
        self.is_over.wait()
        return {}

    def __exit__(self, *problem: object) -> None:
        self.is_over.set()
        super().__exit__(*problem)


def test_a_crew_that_waits_for_its_model_is_given_back_uncounted(tmp_path: Path) -> None:
    service = Service(tmp_path, crews={"crew": "keyed_crew:make"})
    with SlowModel() as model:
        service.environment.update({"OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": "a key"})
        with service:
            execution_id = service.client.kickoff("crew", {"topic": "owls"})
            service.until(lambda: model.requests)
            service.terminate()
            run = service.task_run(execution_id, "write")
            assert (run.state, run.attempts, run.claimed_by) == ("DUE", 0, None)

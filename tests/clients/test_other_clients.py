"""Clients that others wrote for the hosted platform, unchanged but for the URL and the token.

Each has an environment of its own: `make test-clients` makes them.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from service import Service
from work import Work

pytestmark = pytest.mark.clients

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".venv" / "clients"


def start(client: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a client of others, with only its own environment."""
    python = ENVIRONMENTS / client / "bin" / "python"
    script = HERE / f"ask_{client.replace('-', '_')}.py"
    command = [str(python), str(script), *map(str, arguments)]
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(ENVIRONMENTS),
        "CREWAI_DISABLE_TELEMETRY": "true",
        "OTEL_SDK_DISABLED": "true",
    }
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def got(process: subprocess.Popen[str]) -> str:
    """What the client made of it, once it has ended well."""
    written, _ = process.communicate(timeout=150)
    assert process.returncode == 0, written
    return written.partition("GOT: ")[2].strip()


def semantic_kernel(service: Service, deployment: str, call: str, argument: object) -> str:
    url = f"{service.url}/crews/{deployment}"
    return got(start("semantic-kernel", url, service.token, call, argument))


def test_an_agent_gets_the_text_through_crewai_tools(service: Service, work: Work) -> None:
    url = f"{service.url}/crews/plain"
    text = got(start("crewai-tools", url, service.token, work.folder))
    assert text.startswith("publish 1")


def test_semantic_kernel_sees_a_halt_as_running_and_then_the_text(
    service: Service, work: Work
) -> None:
    execution_id = semantic_kernel(service, "article", "kickoff", work.folder)
    review = service.asked("article", execution_id)
    assert semantic_kernel(service, "article", "status", execution_id) == "RUNNING None"
    service.client.approve("article", execution_id, review)
    result = service.ended("article", execution_id).result
    assert semantic_kernel(service, "article", "wait", execution_id) == result

"""What the documents tell a reader to type is typed here, against a real service.

What cannot be is named, with the reason.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from documented_lines import typed_lines
from receiver import Receiver
from service import Service

from orchestrator.client import OpenReview

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("typed")]

NOT_RUN = {
    r"make ": "a step of .ci/run, or what runs this test",
    r"\.ci/run": "runs this test",
    r"cd ": "moves to a folder that the line before it made",
    r"pytest$": "the project's own test: tests/examples runs it",
    r"python3 -m venv|.*/pip install": ".ci/smoke_wheel.py installs the wheel",
    r"orchestrator init": "tests/examples/test_new_project.py makes the projects",
    r"(ORCHESTRATOR_\w+=\S+ )*orchestrator up": "the service of this test is one",
    r"orchestrator (api|sweep)": "run for ever; the service of this test has both",
    r"orchestrator migrate --downgrade": "tests/adapters/sql goes back, on a database of its own",
    r"orchestrator restore": "refuses while the service runs; tests/cli restores",
    r"orchestrator --install-completion": "writes into the shell's own files",
    r"orchestrator mail (test|check)": "tests/cli sends one, and looks at records of its own",
    r"orchestrator watch": "waits for the end of a halted execution; tests/cli watches",
    r"WEBHOOK_SECRET=.* python examples": "tests/examples/test_bridge.py runs the bridge",
    r"(REMAP_SIGTERM=SIGQUIT )?celery": "the service of this test has Celery's workers",
    r"docker ": "needs Docker",
}
"""Lines that begin so are not run, and why."""

FROM_ELSEWHERE = (
    "orchestrator (status|timeline|stop|retry|reviews (answer|show)|deliveries|endpoints)"
)
"""Typed as by somebody on another machine: a process that is all of a service is slow to start."""

LINES = list(dict.fromkeys(line for _, line in typed_lines()))
UNTRIED = [line for line in LINES if any(re.match(each, line) for each in NOT_RUN)]
TRIED = [line for line in LINES if line not in UNTRIED]
AN_ID = "01a203ce-5cdc-70f2-8c89-5c0a85caae17"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One that fails, one that offers options, and the one that the documents speak of."""
    functions = {"research": "api_test_crews:article", "doomed": "api_test_crews:doomed"}
    functions["letter"] = "user_flows:letter"
    service = Service(tmp_path_factory.mktemp("typed"), functions=functions)
    crews = str(Path(__file__).parents[1] / "api")
    service.environment["PYTHONPATH"] += os.pathsep + crews
    service.deployments.write_text('default = "research"\n' + service.deployments.read_text())
    (service.folder / ".orchestrator").symlink_to(service.data)
    (service.folder / "config").mkdir()
    (service.folder / "config" / "deployments.toml").symlink_to(service.deployments)
    with service:
        yield service


@pytest.fixture
def halted(service: Service, receiver: Receiver) -> tuple[str, OpenReview, str]:
    """An execution that waits for a person, its review, and the token of its notice."""
    hook = receiver.webhooks["humanInputWebhookUrl"]
    execution_id = service.client.kickoff("research", {"topic": "owls"}, humanInputWebhookUrl=hook)
    review = service.asked("research", execution_id)
    (notice,) = service.until(lambda: receiver.of(execution_id, "human_input"))
    return execution_id, review, notice.body["callback_url"].partition("token=")[2]


@pytest.mark.parametrize("line", TRIED)
def test_what_a_reader_types_works(
    service: Service, receiver: Receiver, halted: tuple[str, OpenReview, str], line: str
) -> None:
    execution_id, review, response_token = halted
    if line.startswith("orchestrator retry"):
        execution_id = service.client.kickoff("doomed", {})
        service.ended("doomed", execution_id)
    if "--outcome" in line:
        execution_id = service.client.kickoff("letter", {})
        review = service.asked("letter", execution_id)
    endpoint = service.client.call("GET", "/v1/endpoints")["endpoints"][0]["endpoint_id"]
    first_page = service.client.call("GET", "/v1/executions", limit=1)
    meant = line.replace("localhost:8000", service.url.removeprefix("http://"))
    meant = meant.replace("https://example.com/asked", receiver.webhooks["humanInputWebhookUrl"])
    meant = re.sub(r"\bREVIEW\b(?<!\$REVIEW)", review.id, meant)
    meant = re.sub(rf"\bEXECUTION\b|{AN_ID}", execution_id, meant)
    meant = re.sub(r"\bENDPOINT\b", endpoint, meant)
    meant = re.sub(r"^curl ", "curl --silent --fail-with-body ", meant)
    known = {
        "BASE": f"{service.url}/crews/research",
        "AUTH": f"Authorization: Bearer {service.token}",
        "TOKEN": service.token,
        "ID": execution_id,
        "REVIEW": review.id,
        "RESPONSE_TOKEN": response_token,
        "NEXT": first_page.get("next", ""),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    if re.match(FROM_ELSEWHERE, line):
        known |= {"ORCHESTRATOR_URL": service.url, "ORCHESTRATOR_TOKEN": service.token}
    done = subprocess.run(
        ["bash", "-c", meant],
        cwd=service.folder,
        env={**service.environment, **known},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, (meant, done.stdout[-500:], done.stderr[-500:])


def test_each_reason_is_of_a_line_that_there_is() -> None:
    stale = [each for each in NOT_RUN if not any(re.match(each, line) for line in LINES)]
    assert stale == []


def test_the_lines_are_found() -> None:
    assert len(TRIED) > 25
    assert all(shlex.split(line) for line in LINES)

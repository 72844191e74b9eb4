"""A worker with new code starts beside one with the old, as in a rolling deploy."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from processes import kill_all
from service import Service
from work import Work

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("workers")]

CREW = """
import user_crews
from orchestrator import TaskCall

def check(call: TaskCall) -> str:
    return "checked"

crew = [user_crews.research, {more}user_crews.write_unasked, user_crews.publish]
"""


def code(folder: Path, more: str) -> Path:
    """A folder with the crew's code, with one task more if it is named."""
    folder.mkdir()
    (folder / "rolling.py").write_text(CREW.format(more=more))
    return folder


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service whose crew worker has the old code."""
    service = Service(tmp_path, functions={"rolling": "rolling:crew"}, concurrency="1")
    path = service.environment["PYTHONPATH"]
    service.environment["PYTHONPATH"] = os.pathsep.join([str(code(tmp_path / "old", "")), path])
    with service:
        yield service


@pytest.fixture
def new_worker(service: Service, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A second crew worker, with the new code; both have loaded theirs."""
    inherited = service.environment["PYTHONPATH"].split(os.pathsep)[1:]
    path = [str(code(tmp_path / "new", "check, ")), *inherited]
    environment = {
        **service.environment,
        "PYTHONPATH": os.pathsep.join(path),
        "ORCHESTRATOR_DATA": str(service.data),
        "ORCHESTRATOR_DEPLOYMENTS": str(service.deployments),
    }
    celery = [sys.executable, "-m", "celery", "-A", "workers.app", "worker", "-Q", "crews"]
    options = ["-n", "new@%h", "--concurrency", "1", "--without-mingle", "--without-gossip"]
    with service.log_path.open("ab") as log:
        worker = subprocess.Popen(
            [*celery, *options], cwd=tmp_path, env=environment, stdout=log, stderr=log
        )
    service.until(lambda: tasks(service) == 4)
    yield worker
    if worker.poll() is None:
        tree = psutil.Process(worker.pid)
        kill_all([tree, *tree.children(recursive=True)])
    worker.wait()


def tasks(service: Service) -> int:
    """How many tasks the newest manifest has."""
    manifest = service.ports.store.read(lambda tx: tx.manifests.get("rolling"))
    return len(manifest.plan.names) if manifest and manifest.plan else 0


def test_every_execution_goes_on_with_the_code_that_it_began_with(
    service: Service, work: Work, request: pytest.FixtureRequest
) -> None:
    old = [service.client.kickoff("rolling", work.inputs(hold="write")) for _ in range(3)]
    service.until(lambda: work.pids("write"))
    request.getfixturevalue("new_worker")
    new = [service.client.kickoff("rolling", work.inputs()) for _ in range(12)]
    assert {service.ended("rolling", each).status for each in new} == {"completed"}
    work.go()
    assert {service.ended("rolling", each).status for each in old} == {"completed"}
    assert {attempts(service, each) for each in (*old, *new)} == {1}


def attempts(service: Service, execution_id: str) -> int:
    """How often a task of the execution was tried, at most."""
    runs = service.ports.store.read(lambda tx: tx.task_runs.of(execution_id))
    return max(run.attempts for run in runs)

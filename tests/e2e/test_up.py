"""``orchestrator up`` as a person meets it: what it says, and the logs that it keeps."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from service import Service
from work import Work

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("e2e")]

COMMAND = Path(sys.executable).with_name("orchestrator")


def logged(service: Service, *arguments: str) -> list[str]:
    done = subprocess.run(
        [str(COMMAND), "logs", "--data", str(service.data), *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.splitlines()


def test_it_says_that_it_is_ready_and_where_everything_is(service: Service) -> None:
    service.until(lambda: "is ready on" in service.log)
    said = service.log.partition("Crew Orchestrator is ready on ")[2].splitlines()
    assert said[0] == service.url
    assert said[1].split(maxsplit=1) == ["token", "that of ORCHESTRATOR_API_TOKEN"]
    assert said[3].split() == ["data", str(service.data)]
    assert said[5].split(maxsplit=2)[:2] == ["NOT", "LOADED"]
    assert "broken" in said[5]


def test_celerys_banners_are_not_shown(service: Service) -> None:
    assert "[config]" not in service.log


def test_the_log_of_one_execution_is_shown(service: Service, work: Work) -> None:
    first = service.client.kickoff("plain", work.inputs())
    second = service.client.kickoff("plain", work.inputs())
    for execution_id in (first, second):
        service.ended("plain", execution_id)
    service.until(lambda: sum("succeeded" in line for line in logged(service, first)) == 3)
    lines = logged(service, first, "--json")
    assert all(first in line and second not in line for line in lines)
    assert set(lines) < set(logged(service, "--json"))


def test_the_log_is_followed_also_when_its_file_is_moved_aside(
    service: Service, work: Work, tmp_path: Path
) -> None:
    newest = service.data / "logs" / "service.jsonl"
    shown = tmp_path / "shown"
    command = [str(COMMAND), "logs", "--follow", "--data", str(service.data)]
    with shown.open("w") as file, subprocess.Popen(command, stdout=file) as follow:
        try:
            before = service.client.kickoff("plain", work.inputs())
            service.until(lambda: before in shown.read_text())
            newest.rename(newest.with_name("service.jsonl.1"))
            after = service.client.kickoff("plain", work.inputs())
            service.until(lambda: after in shown.read_text())
        finally:
            follow.terminate()


def test_on_a_terminal_only_what_a_person_needs_is_shown_and_no_path_is_needed(
    tmp_path: Path,
) -> None:
    service = Service(tmp_path, functions={"plain": "user_crews:plain"})
    del service.environment["ORCHESTRATOR_API_TOKEN"]  # a first start
    service.environment["PATH"] = ""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        service.command,
        cwd=service.folder,
        env=service.environment,
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    os.set_blocking(leader, False)
    shown = ""

    def is_ready() -> bool:
        nonlocal shown
        assert process.poll() is None, shown
        try:
            shown += os.read(leader, 65536).decode()
        except BlockingIOError:
            return False
        return "shows one execution's" in shown

    try:
        service.until(is_ready, 120)
    finally:
        process.terminate()
        process.wait()
        os.close(leader)
    token, ready, which, *_ = shown.splitlines()
    assert token.startswith("API token (shown this once): ")
    assert ready == f"Crew Orchestrator is ready on {service.url}"
    assert "the one shown at the first start" in which
    assert "Running upgrade" in (service.data / "logs" / "service.jsonl").read_text()

"""The command on somebody's laptop: everything over HTTP, nothing of the service in sight."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, TypeAlias

import pytest
from service import Service
from work import Work

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("e2e")]

COMMAND = Path(sys.executable).with_name("orchestrator")
Run: TypeAlias = Callable[..., CompletedProcess[str]]


@pytest.fixture
def laptop(tmp_path: Path) -> Path:
    (tmp_path / "laptop").mkdir()
    return tmp_path / "laptop"


@pytest.fixture
def run(laptop: Path, tmp_path: Path) -> Run:
    """Run the command there, with a home folder beside it."""

    def command(*arguments: str, **environment: str) -> CompletedProcess[str]:
        known = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}
        return subprocess.run(
            [str(COMMAND), *arguments],
            cwd=laptop,
            env={**known, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return command


def read(done: CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_review_is_found_shown_and_answered_after_a_login(
    service: Service, run: Run, work: Work, laptop: Path, tmp_path: Path
) -> None:
    login = run("login", service.url, "--token", service.token)
    assert "article" in login.stdout
    kept = next((tmp_path / "home").rglob("profile.json"))
    assert kept.stat().st_mode & 0o777 == 0o600

    begun = read(run("kickoff", "article", "-i", f"folder={work.folder}", "--json"))
    review = service.asked("article", begun["execution_id"])
    listed = read(run("reviews", "list", "--json"))
    assert review.id in [each["review_id"] for each in listed]
    assert review.output.splitlines()[0] in run("reviews", "show", review.id).stdout
    rejected = run("reviews", "answer", review.id, "--reject", "-f", "shorter")
    assert "runs again" in rejected.stdout
    second = service.asked("article", begun["execution_id"], review)
    (earlier,) = read(run("reviews", "show", second.id, "--json"))["earlier_rounds"]
    assert (earlier["round"], earlier["feedback"], earlier["approved"]) == (1, "shorter", False)
    mine = laptop / "mine.md"
    mine.write_text("My own text")
    run("reviews", "answer", second.id, "--edited-output", str(mine))
    service.ended("article", begun["execution_id"])
    shown = read(run("status", begun["execution_id"], "--json"))
    assert (shown["status"], shown["deployment"]) == ("completed", "article")

    late = run("reviews", "answer", second.id, "--approve")
    assert late.returncode == 1
    assert "answered by" in late.stderr
    assert [each.name for each in laptop.iterdir()] == ["mine.md"]


def test_url_and_token_of_the_environment_will_do(service: Service, run: Run, work: Work) -> None:
    where = {"ORCHESTRATOR_URL": service.url, "ORCHESTRATOR_TOKEN": service.token}
    begun = read(run("kickoff", "plain", "-i", f"folder={work.folder}", "--json", **where))
    watched = run("watch", begun["execution_id"], **where)
    assert watched.returncode == 0
    assert "execution.succeed" in watched.stdout
    stopped = run("stop", begun["execution_id"], **where)
    assert stopped.stderr.startswith("orchestrator: Cannot stop execution.")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "There is no service here"),
        (("--url", "http://127.0.0.1:9"), "--url needs a token"),
        (("--url", "http://127.0.0.1:9", "--token", "x"), "cannot be reached"),
    ],
)
def test_a_service_that_is_not_there_is_one_line(
    run: Run, options: tuple[str, ...], said: str
) -> None:
    done = run("reviews", "list", *options)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert said in line


def test_a_token_that_is_not_valid_is_not_kept(service: Service, run: Run, tmp_path: Path) -> None:
    assert run("login", service.url, "--token", "wrong").returncode == 1
    assert list((tmp_path / "home").rglob("profile.json")) == []

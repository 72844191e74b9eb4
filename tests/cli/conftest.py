"""The command, in this process, on a data folder of its own."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer import testing
from typer.main import get_command
from typer.testing import CliRunner, Result

from orchestrator.adapters.deployment_file import RunnerKind
from orchestrator.adapters.sql.migrate import upgrade
from orchestrator.cli.application import application
from orchestrator.domain.canonical import JsonObject
from orchestrator.ports import AgentStep, Ports
from orchestrator.settings import PREFIX, Settings
from orchestrator.usecases.executions.claiming import Worker
from orchestrator.usecases.executions.run_task import run_task
from orchestrator.usecases.operations.load_deployments import load_deployments
from orchestrator.wiring import make_ports

DEPLOYMENTS = """
[deployments.article]
functions = "cli_test_crews:article"
max_attempts = 1
[deployments.offer]
functions = "cli_test_crews:offer"
"""


@dataclass
class Command:
    """``orchestrator`` with its options."""

    settings: Settings
    ports: Ports

    def __call__(self, *arguments: str, status: int = 0) -> str:
        """Run it; returns what it printed."""
        result = self.run(*arguments)
        assert result.exit_code == status, result.output
        return result.stdout.strip()

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(application, list(arguments))

    def json(self, *arguments: str, status: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", status=status))


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database without rows, as the bytes of its file."""
    file = tmp_path_factory.mktemp("cli") / "migrated.db"
    upgrade(f"sqlite:///{file}")
    return file.read_bytes()


@pytest.fixture(scope="session", autouse=True)
def commands_read_once() -> Iterator[None]:
    """Typer reads the functions of all commands before it runs one."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(testing, "_get_command", cache(get_command))
        yield


@pytest.fixture
def logging_of_its_own() -> Iterator[None]:
    """Commands set up logging for their process: have that end with the test."""
    before, handlers = structlog.get_config(), logging.root.handlers.copy()
    yield
    # A thread of this test may still look for its broker: nothing of that is the next one's output.
    quiet = structlog.make_filtering_bound_logger(logging.INFO)
    structlog.configure(**{**before, "wrapper_class": quiet})
    logging.root.handlers[:] = handlers


@pytest.fixture
def command(
    logging_of_its_own: None,
    tmp_path: Path,
    migrated: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Command]:
    """The command on a migrated database, with one deployment that a worker has loaded."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    (tmp_path / "deployments.toml").write_text(DEPLOYMENTS)
    (tmp_path / "orchestrator.db").write_bytes(migrated)
    monkeypatch.setenv(f"{PREFIX}DATA", str(tmp_path))
    monkeypatch.setenv(f"{PREFIX}DEPLOYMENTS", str(tmp_path / "deployments.toml"))
    monkeypatch.setenv(f"{PREFIX}BROKER_URL", "memory://")  # a broker away is waited for
    monkeypatch.setenv("COLUMNS", "200")
    ports = make_ports(settings := Settings(), publish=lambda _: None)
    load_deployments(ports, "w-1", ports.deployments.queues())
    yield Command(settings, ports)
    ports.store.dispose()


class Unwatched:
    """Keeps no lease and tells nobody of anything."""

    def keep(self, _run: object, _stream: object) -> nullcontext[Unwatched]:
        return nullcontext(self)

    def check(self) -> None: ...

    def begin(self, path: str) -> None: ...

    def end(self, path: str) -> None: ...

    def step(self, step: AgentStep) -> None: ...

    def event(self, kind: str, data: JsonObject) -> None: ...


@pytest.fixture
def work(command: Command) -> Callable[[], None]:
    """Runs every task that is due, and those that follow."""
    ports = command.ports
    worker = Worker("w-1", Unwatched(), ports.runners[RunnerKind.FUNCTIONS].plan)

    def run() -> None:
        later = ports.clock.now() + timedelta(days=1)
        while due := ports.store.read(lambda tx: tx.task_runs.to_wake(later, 10)):
            for each in due:
                run_task(ports, worker, each.execution_id, each.id)

    return run

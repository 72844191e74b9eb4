"""Crews as users write them, run by the real use cases and, for comparison, by CrewAI alone."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from service import Service
from world import World, make_world, migrated, plan_of

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.adapters.runners.crewai import CrewaiRunner
from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.webhooks import Stream
from orchestrator.errors import ClaimLost
from orchestrator.jobs import Job
from orchestrator.ports import AgentStep, Ports, Progress, Runner
from orchestrator.usecases.executions.claiming import Worker
from orchestrator.usecases.executions.claims import renew_claim
from orchestrator.usecases.executions.run_task import run_task
from orchestrator.usecases.operations.load_deployments import load_deployments
from orchestrator.usecases.reviews.answer import answer
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.wire.requests import ResumeBody, parse
from workers.lease_keeper import ThreadLeaseKeeper

CREWS = Path(__file__).parent
sys.path.insert(0, str(CREWS))  # as a user's project is installed, or on PYTHONPATH


class EagerKeeper(ThreadLeaseKeeper):
    """Looks after the claim whenever it is asked, rather than every ten seconds."""

    @contextmanager
    def keep(self, run: TaskRun, stream: Stream | None = None) -> Iterator[Progress]:
        with super().keep(run, stream) as running:
            yield Eager(running, self._ports)


@dataclass
class Eager:
    """The progress of a run, which knows at once what became of its claim."""

    running: Any
    ports: Ports

    def begin(self, path: str) -> None:
        self.running.begin(path)

    def end(self, path: str) -> None:
        self.running.end(path)

    def check(self) -> None:
        if not renew_claim(self.ports, self.running.run):
            raise ClaimLost

    def step(self, step: AgentStep) -> None:
        self.running.step(step)

    def event(self, kind: str, data: Callable[[], JsonObject]) -> None:
        self.running.event(kind, data)


class CrewWorld(World):
    """A world whose runner is the real one; from task to task everything crosses the database."""

    runner: Runner

    def run(self, job: Job) -> None:
        """A worker takes a job."""
        worker = Worker("w-1", EagerKeeper(self.ports, "w-1", ()), self.runner.plan)
        run_task(self.ports, worker, job.arguments["execution_id"], job.arguments["task_run_id"])

    def edit(self, execution_id: str, task: str, text: str) -> None:
        """A person approves a text of their own."""
        said = {"execution_id": execution_id, "task_id": task, "edited_output": text}
        answer(self.ports, Answer("crew", parse(ResumeBody, said), "tests", "api"))

    def finished(self, **inputs: Any) -> Result:
        """Kick off, and work to the end or the halt."""
        execution_id = self.halted(inputs=inputs)
        return self.result(execution_id)

    def result(self, execution_id: str) -> Result:
        """What an execution gave so far."""
        seen = self.snapshot(execution_id)
        return Result(
            raw=seen.result.raw if seen.result else str(seen.execution.error or ""),
            json=seen.result.json if seen.result else None,
            tasks=[(task.output.raw, task.output.json) for task in seen.committed],
            usage=int(str(seen.usage["total_tokens"])),
        )


@dataclass
class Result:
    """What a kickoff gave: of the crew, of each task, and the tokens that it cost."""

    raw: str
    json: Any
    tasks: list[tuple[str, Any]]
    usage: int


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> CrewaiRunner:
    runner = CrewaiRunner(tmp_path_factory.mktemp("crewai"))
    runner.import_crewai()
    return runner


def flow_runner() -> CrewaiRunner:
    """A runner for flows, once CrewAI is imported."""
    return CrewaiRunner(flows=True)


@pytest.fixture
def deployed(
    runner: CrewaiRunner, tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., CrewWorld]]:
    """Deploy a crew by its import path; ``settings`` are the deployment's."""
    monkeypatch.chdir(tmp_path)
    made: list[CrewWorld] = []

    def deploy(target: str, *, kind: RunnerKind = RunnerKind.CREWAI, **settings: Any) -> CrewWorld:
        bare = make_world(tmp_path, template, plan_of("none"))
        deployment = Deployment("crew", kind, f"projects.{target}", **settings)
        ports = replace(
            bare.ports,
            runners={kind: runner if kind is RunnerKind.CREWAI else flow_runner()},
            deployments=DeploymentFile({"crew": deployment}),
        )
        load_deployments(ports, "w-1", ports.deployments.queues())
        made.append(CrewWorld(ports, ports.runners[kind], bare.jobs))
        return made[-1]

    yield deploy
    for world in made:
        world.ports.store.dispose()


@pytest.fixture
def prompts(runner: CrewaiRunner) -> list[str]:
    """What the models were asked, from now on."""
    asked: list[str] = importlib.import_module("projects.scripted").PROMPTS
    asked.clear()
    return asked


@pytest.fixture
def native(runner: CrewaiRunner) -> Callable[..., Result]:
    """Kick off a crew by CrewAI alone."""

    def kickoff(target: str, **inputs: Any) -> Result:
        module, _, name = target.partition(":")
        made = getattr(importlib.import_module(f"projects.{module}"), name)
        made = made() if callable(made) else made
        crew = made.crew() if hasattr(made, "crew") else made
        output = crew.kickoff(inputs=inputs)
        return Result(
            raw=output.raw,
            json=_data(output),
            tasks=[(task.raw, _data(task)) for task in output.tasks_output],
            usage=crew.usage_metrics.total_tokens,
        )

    return kickoff


def _data(output: Any) -> Any:
    return output.pydantic.model_dump(mode="json") if output.pydantic else output.json_dict


SERVED = {
    "meeting": "projects.meeting:crew",
    "marketing": "projects.marketing.crew:MarketingCrew",
    "trip": "projects.trip:make_crew",
    "errands": "projects.errands:make",
}
FLOWS = {"letter": "orchestrator.demo.flow:LetterFlow"}


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Crews and a flow in a real service: its two children are replaced every five jobs."""
    folder = tmp_path_factory.mktemp("crews")
    service = Service(folder, crews=SERVED, flows=FLOWS, concurrency="2", max_jobs_per_child="5")
    path = [str(CREWS), service.environment["PYTHONPATH"]]
    service.environment["PYTHONPATH"] = os.pathsep.join(path)
    service.environment["SCRIPTED_CALLS"] = str(folder / "calls")
    service.environment["ERRANDS"] = str(folder / "errands")
    with service:
        yield service

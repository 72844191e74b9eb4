from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from orchestrator.adapters.deployment_file import RunnerKind
from orchestrator.adapters.runners.crewai import CrewaiRunner
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.history import Answered, Committed
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan
from orchestrator.domain.work import Work
from orchestrator.errors import ClaimLost
from orchestrator.ports import AgentStep, Ended, Runner

PRELUDE = """
from crewai import Agent, Crew, Process, Task
from crewai.tasks.conditional_task import ConditionalTask
from crewai.project import CrewBase, after_kickoff, agent, before_kickoff, crew as a_crew, task
from crewai.tools import tool
from pydantic import BaseModel
from scripted_model import PROMPTS, Scripted, counts, says

def person(llm=None, **more):
    llm = llm or counts()
    return Agent(role=more.pop("role", "Writer"), goal="write", backstory="b", llm=llm, **more)

def job(description, who, **more):
    return Task(description=description, expected_output="text", agent=who, **more)
"""


@dataclass
class Told:
    """A Progress that keeps what it is told; ``stopped`` makes the run's work vain."""

    stopped: bool = False
    stops_at: str = ""
    steps: list[AgentStep] = field(default_factory=list)
    events: list[tuple[str, Any]] = field(default_factory=list)
    journal: None = None

    def stop_at(self, kind: str) -> None:
        """Have the work be in vain from the first event of this kind on."""
        self.stops_at = kind

    def check(self) -> None:
        if self.stopped:
            raise ClaimLost

    def begin(self, path: str) -> None: ...

    def leave(self, path: str) -> None: ...

    def commit(self, *_: object, **__: object) -> None:
        raise AssertionError("a crew's task commits no steps of its own")

    def write_waiting(self) -> None: ...

    def ask(self, *_: object, **__: object) -> None:
        raise AssertionError("a crew's task is asked about at its end")

    def cut(self, *_: object) -> None:
        raise AssertionError("a crew has no races")

    def step(self, step: AgentStep) -> None:
        self.steps.append(step)

    def event(self, kind: str, data: Any) -> None:
        self.events.append((kind, data()))
        self.stopped = self.stopped or kind == self.stops_at


@dataclass
class Run:
    """One execution of a deployment, task by task, as the use cases drive it."""

    runner: Runner
    deployment: Deployment
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[int, Output] = field(default_factory=dict)
    answers: list[Answered] = field(default_factory=list)
    results: list[Ended] = field(default_factory=list)
    told: Told = field(default_factory=Told)
    round: int = 1

    @property
    def plan(self) -> Plan:
        return self.runner.plan(self.deployment)

    def work(self, index: int) -> Work:
        tasks = self.plan.tasks
        final = [Committed(tasks[place].name, each) for place, each in self.outputs.items()]
        return Work(
            "e-1",
            self.deployment.name,
            self.plan,
            tasks[index].name,
            self.round,
            self.inputs,
            (*final, *self.answers),
        )

    def task(self, index: int) -> Ended:
        """Run one task; its output crosses to the next one as JSON, as in the database."""
        result = self.runner.run(self.deployment, self.work(index), self.told)
        assert isinstance(result, Ended)
        self.outputs[index] = Output.from_json(result.output.to_json())
        self.results.append(result)
        return result

    def all(self) -> list[str]:
        """Run every task in order and return their texts."""
        count = len(self.plan.tasks)
        return [self.task(index).output.raw for index in range(count)]

    def answer(self, index: int, words: str, *, approved: bool) -> None:
        """A person answers the review of a task that has run."""
        name = self.plan.tasks[index].name
        self.answers.append(
            Answered(
                name,
                "r-1",
                words,
                approved,
                name=name,
                round=self.round,
                output=self.outputs[index],
            )
        )


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory whose modules are forgotten after the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name in ("users_code", "scripted_model"):
        sys.modules.pop(name, None)


@pytest.fixture
def prompts(modules: Path) -> list[str]:
    """What the scripted models of the test were asked."""
    asked: list[str] = importlib.import_module("scripted_model").PROMPTS
    asked.clear()
    return asked


@pytest.fixture
def deploy(modules: Path) -> Callable[..., Deployment]:
    """Write a module of a user's code and declare a deployment of it."""

    def write(
        code: str, target: str = "crew", kind: RunnerKind = RunnerKind.FUNCTIONS
    ) -> Deployment:
        sys.modules.pop("users_code", None)
        (modules / "users_code.py").write_text(dedent(code))
        return Deployment("demo", kind, f"users_code:{target}")

    return write


@pytest.fixture
def start() -> Callable[..., Run]:
    """Begin an execution."""
    return Run


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CrewAI's own files, for as long as the tests run."""
    return tmp_path_factory.mktemp("crewai")


@pytest.fixture
def run_crew(deploy: Callable[..., Deployment], storage: Path) -> Callable[..., Run]:
    """Begin an execution of a crew, whose code has ``PRELUDE`` above it."""

    def begin(code: str, target: str = "crew", **inputs: Any) -> Run:
        deployment = deploy(PRELUDE + dedent(code), target, RunnerKind.CREWAI)
        return Run(CrewaiRunner(storage), deployment, inputs)

    return begin

"""The use cases over a real SQLite, with a runner whose behaviour a test decides, and no broker."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import update

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.adapters.http.guard import Guard
from orchestrator.adapters.http.sender import GuardedSender
from orchestrator.adapters.http.signing import StandardSigner
from orchestrator.adapters.sql import Cipher, make_store
from orchestrator.adapters.sql.migrate import upgrade
from orchestrator.adapters.sql.schema import task_runs
from orchestrator.adapters.system import SystemChance, SystemClock, Uuid7Ids
from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.deployment import Deployment, Manifest
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan, PlannedTask
from orchestrator.domain.question import Question
from orchestrator.domain.review import judge
from orchestrator.domain.work import Work
from orchestrator.jobs import RESUME, RUN_TASK, Job
from orchestrator.ports import AgentStep, Ended, Ports, RunContext
from orchestrator.usecases.executions.claiming import Worker
from orchestrator.usecases.executions.kickoff import Kickoff, kickoff
from orchestrator.usecases.executions.run_task import run_task
from orchestrator.usecases.executions.snapshot import Snapshot, snapshot
from orchestrator.usecases.operations.load_deployments import load_deployments
from orchestrator.usecases.reviews.answer import answer
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.wire.requests import KickoffBody, ResumeBody, parse

CREW: dict[str, Any] = {"name": "crew", "runner": RunnerKind.FUNCTIONS}


class WorkerDied(BaseException):
    """What a test has a runner raise where a worker would be killed: nothing of ours catches it."""


class ScriptedRunner:
    """Runs tasks as the test says: answers, fails, or dies; keeps every chain that it was given."""

    def __init__(self, plan: Plan) -> None:
        self.the_plan = plan
        self.behaviour: BaseException | None = None
        self.before_answering: Callable[[], object] | None = None
        self.usage = {"total_tokens": 15, "prompt_tokens": 10, "completion_tokens": 5}
        self.chains: list[Work] = []

    def plan(self, _deployment: Deployment) -> Plan:
        return self.the_plan

    def run(self, _deployment: Deployment, chain: Work, _context: RunContext) -> Ended:
        self.chains.append(chain)
        if self.behaviour is not None:
            raise self.behaviour
        if self.before_answering is not None:
            interfere, self.before_answering = self.before_answering, None
            interfere()
        question = judge(chain.path, chain.path) if chain.task.human_input else None
        return Ended(Output(f"{chain.task.name}, round {chain.round}"), self.usage, question)

    def weigh(
        self, _deployment: Deployment, _question: Question, _words: str, _output: Output
    ) -> str | None:
        return None


class NoLease:
    """Keeps no lease."""

    def keep(self, _run: object, _stream: object) -> nullcontext[NoLease]:
        return nullcontext(self)

    def check(self) -> None: ...

    def begin(self, path: str) -> None: ...

    def end(self, path: str) -> None: ...

    def step(self, step: AgentStep) -> None: ...

    def event(self, kind: str, data: Callable[[], JsonObject]) -> None: ...


@dataclass
class World:
    """Ports with a database of their own, and the jobs that were published to nobody."""

    ports: Ports
    runner: Any
    jobs: list[Job] = field(default_factory=list)

    def kickoff(self, **body: Any) -> str:
        asked = Kickoff("crew", parse(KickoffBody, {"inputs": {}, **body}), "tests", "tests")
        return str(kickoff(self.ports, asked)["kickoff_id"])

    def run(self, job: Job) -> None:
        """A worker takes a job."""
        worker = Worker("w-1", NoLease(), self.runner.plan)
        arguments = job.arguments
        run_task(self.ports, worker, arguments["execution_id"], arguments["task_run_id"])

    def work(self) -> None:
        """A worker takes every job there is, and those that follow."""
        while self.jobs:
            job = self.jobs.pop(0)
            if job.name in (RUN_TASK, RESUME):
                self.run(job)

    def halted(self, **body: Any) -> str:
        """Kick off, and work until a person is asked."""
        execution_id = self.kickoff(**body)
        self.work()
        return execution_id

    def answer(self, execution_id: str, task: str, *, approve: bool, words: str = "") -> JsonObject:
        said = {
            "execution_id": execution_id,
            "task_id": task,
            "is_approve": approve,
            "human_feedback": words,
        }
        return answer(self.ports, Answer("crew", parse(ResumeBody, said), "tests", "api"))

    def say(self, execution_id: str, review: str, **body: Any) -> JsonObject:
        """A person answers a review, by its id or the name of what asks, with this body."""
        said = {"execution_id": execution_id, "task_id": review, **body}
        return answer(self.ports, Answer("crew", parse(ResumeBody, said), "tests", "api"))

    def hurry(self) -> None:
        """Have what is to be tried again be due now."""
        statement = update(task_runs).values(due_at=self.ports.clock.now())
        with self.ports.store._writer.begin() as connection:  # type: ignore[attr-defined]  # SQL's
            connection.execute(statement)

    def loads(self, plan: Plan) -> None:
        """The worker has loaded code that has this plan."""
        self.runner.the_plan = plan
        manifest = Manifest("crew", plan, None, self.ports.clock.now(), "w-1")
        self.ports.store.transact(lambda tx: tx.manifests.put(manifest))

    def without_deployments(self) -> None:
        """The operator takes every deployment out of the file, and all restart."""
        self.ports = replace(self.ports, deployments=DeploymentFile({}))

    def snapshot(self, execution_id: str) -> Snapshot:
        return snapshot(self.ports, execution_id)


def plan_of(*tasks: str) -> Plan:
    """A plan from short notes: ``write?`` asks a person, ``~look`` is asynchronous."""
    return Plan(
        tuple(
            PlannedTask(
                name=note.strip("~?"),
                human_input=note.endswith("?"),
                asynchronous=note.startswith("~"),
            )
            for note in tasks
        )
    )


def migrated(folder: Path) -> Path:
    """A migrated SQLite file, to be copied."""
    file = folder / "migrated.db"
    file.write_bytes(_migrated())
    return file


@cache  # for the processes, too, that `make mutants` forks
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "migrated.db"
        upgrade(f"sqlite:///{file}")
        return file.read_bytes()


def make_world(folder: Path, template: Path, plan: Plan, **settings: Any) -> World:
    """A new world in the folder; ``settings`` are the deployment's."""
    file = folder / "world.db"
    shutil.copy(template, file)
    return world_over(f"sqlite:///{file}", plan, **settings)


def world_over(url: str, plan: Plan, **settings: Any) -> World:
    """A world whose database is there already, at ``url``."""
    return world_of(url, ScriptedRunner(plan), **settings)


def world_of(url: str, runner: Any, **settings: Any) -> World:
    """The same with a runner of the test's own; ``target`` among the settings is what it loads."""
    jobs: list[Job] = []
    store = make_store(url, publish=jobs.append, cipher=Cipher("a key"))
    ports = Ports(
        store=store,
        deployments=DeploymentFile(
            {"crew": Deployment(**{"target": "no:where", **settings}, **CREW)}
        ),
        clock=SystemClock(),
        ids=Uuid7Ids(),
        chance=SystemChance(),
        sender=GuardedSender(Guard()),
        signer=StandardSigner(()),
        runners={RunnerKind.FUNCTIONS: runner},
        crash_point=lambda _: None,
    )
    load_deployments(ports, "w-1", ports.deployments.queues())
    return World(ports, runner, jobs)

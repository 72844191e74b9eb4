"""A runner that makes calls as a test says, and a person may have to approve some of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from world import ScriptedRunner, WorkerDied, World

from orchestrator.domain.calls import AskedCall, CallKind
from orchestrator.domain.canonical import digest
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.work import Work
from orchestrator.ports import Ended, Halted, HeldCall, LiveCall, RunContext
from orchestrator.usecases.executions.claims import end_claims_of_lost_child

MODEL, LOOK, PAY = "model", "look", "pay"


class Left(BaseException):
    """Leaves the run where a call may not be made unasked."""


class Caller(ScriptedRunner):
    """Makes calls in each task; ``at`` is what to do as one of them is made, by its number."""

    def __init__(self, plan: Any) -> None:
        super().__init__(plan)
        self.calls: list[str] = [MODEL, LOOK, MODEL, PAY, MODEL]
        self.asks = ""
        self.made: list[str] = []
        self.given: list[Any] = []
        """What the tools were called with that were."""
        self.answers: list[Any] = []
        self.fits: Any = None
        self.held: Callable[[], object] = lambda: None
        self.at: dict[int, Callable[[], object]] = {}
        self.ends: Callable[[], object] = lambda: None

    def run(self, deployment: Deployment, chain: Work, context: RunContext) -> Ended | Halted:
        self.answers = []
        try:
            for number, name in enumerate(self.calls, start=1):
                self.call(context, chain, number, name)
        except Left:
            return Halted(self.usage)
        self.ends()
        return super().run(deployment, chain, context)

    def call(self, context: RunContext, chain: Work, number: int, name: str) -> None:
        live = ask(context, self.asked(chain, number, name))
        if isinstance(live, HeldCall) and context.journal:
            context.journal.hold(live, self.fits)
            self.held()
            raise Left
        if isinstance(live, LiveCall) or live is None:
            self.make(context, live, number, name)
        else:
            self.answers.append(live.value)

    def make(self, context: RunContext, live: LiveCall | None, number: int, name: str) -> None:
        do = self.at.pop(number, None)
        try:
            if do is not None:
                do()
        except OSError:
            if live is not None and context.journal:
                context.journal.failed(live)
            raise
        self.made.append(name)
        if live is None or context.journal is None:
            return
        if name == PAY:
            self.given.append(live.asked.arguments if live.arguments is None else live.arguments)
        context.journal.answered(live, f"{name} {number}", {"total_tokens": 15})

    def asked(self, chain: Work, number: int, name: str) -> AskedCall:
        kind = CallKind.MODEL if name == MODEL else CallKind.TOOL
        question = digest([name, number, self.asks, chain.round])
        return AskedCall(chain.path, kind, name, question, {"for": number})


def with_caller(world: World) -> Caller:
    """Have the tasks of a world make calls."""
    caller = Caller(world.runner.the_plan)
    world.runner = caller
    runners = world.ports.runners
    runners["functions"] = caller  # type: ignore[index]  # a dict, in tests
    return caller


def ask(context: RunContext, asked: AskedCall) -> Any:
    return context.journal.ask(asked, lambda answer: answer) if context.journal else None


def dies() -> None:
    raise WorkerDied


def die_once(world: World) -> None:
    """The worker that takes the next job dies where the runner says; the job comes again."""
    job = world.jobs.pop(0)
    try:
        world.run(job)
    except WorkerDied:
        end_claims_of_lost_child(world.ports, "w-1", job.arguments["task_run_id"])
        world.hurry()
        world.jobs.append(job)
        return
    raise AssertionError("nobody died")

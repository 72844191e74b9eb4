"""What runs users' crews and flows, and what it tells and asks meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan
from orchestrator.domain.question import Question
from orchestrator.domain.work import Work
from orchestrator.ports.journal import CallJournal


class Runner(Protocol):
    """Runs the tasks of deployments of one kind."""

    def plan(self, deployment: Deployment) -> Plan:
        """Load the user's code and read its plan.

        Raises DeploymentBroken, with one sentence for its author, when it does not load.
        """
        ...

    def warm_up(self) -> None:
        """Do in this process what its first run would otherwise wait for.

        It may start threads: never call it in a process that forks later.
        """
        ...

    def run(self, deployment: Deployment, work: Work, context: RunContext) -> Result:
        """Run the task that is due, in this process, to its end or until a person has to answer.

        Raises TaskFailed or any exception of the user's code; neither changes anything of ours.
        """
        ...

    def weigh(
        self, deployment: Deployment, question: Question, words: str, output: Output
    ) -> str | None:
        """Have a model say which option of a CHOICE a person's words mean.

        None where it says none of them. Raises what the model raises.
        """
        ...


class Progress(Protocol):
    """What a runner tells, and is told, while it runs a task."""

    def check(self) -> None:
        """Raise ClaimLost when the run was stopped or its claim was lost: its work is in vain."""
        ...

    def step(self, step: AgentStep) -> None:
        """Tell of one thought or tool call of an agent."""
        ...

    def event(self, kind: str, data: Callable[[], JsonObject]) -> None:
        """Tell of one event of the runner's own bus, under the name that it has there.

        Its data are made where somebody listens, before this returns.
        """
        ...


WHOLE_FLOW = ""
"""The path of what every step of a flow stands in: the code that is around them."""


class StepWatch(Progress, Protocol):
    """Progress that also sees how long each step of a flow takes, and ends what hangs."""

    def begin(self, path: str) -> None:
        """The step at this path begins: it has the time limit from now on, as all around it."""
        ...

    def end(self, path: str) -> None:
        """Neither the step at this path runs any more, nor what is inside it.

        Those that it stands in go on, and have the time limit from now on.
        """
        ...


class RunContext(Progress, Protocol):
    """What a runner may do while it runs. Each write is a transaction fenced by the claim.

    Safe to call from several threads. What writes raises ClaimLost when the claim was lost.
    """

    @property
    def journal(self) -> CallJournal | None:
        """The journal of the calls of models and tools; None where the deployment has none."""
        ...

    def begin(self, path: str) -> None:
        """A step begins: it has the time limit from now on, until it is left, commits or asks."""
        ...

    def leave(self, path: str) -> None:
        """The body of a step is left, whatever came of it: it has no time limit any more."""
        ...

    def commit(
        self,
        path: str,
        output: Output,
        state: JsonObject | None = None,
        usage: Mapping[str, int] | None = None,
        seconds: float | None = None,
        *,
        may_wait: bool = False,
    ) -> None:
        """A step's output is final: it is never run again.

        Where no other step is at work it ``may_wait``, to be written with what comes next: before
        any step begins, or together with the end of the run. Raises TaskFailed, not to be
        retried, for what cannot be stored.
        """
        ...

    def ask(
        self,
        question: Question,
        output: Output,
        state: JsonObject | None = None,
        *,
        may_wait: bool = False,
    ) -> None:
        """Ask a person about a step's output. ``may_wait`` is as for a commit.

        The answer stands in the history of a later run. Raises TaskFailed, not to be retried, for
        what cannot be stored, and where the deployment allows no further round.
        """
        ...

    def write_waiting(self) -> None:
        """Write now what may wait."""
        ...

    def cut(self, path: str) -> None:
        """A step lost a race inside the user's code: withdraw what a person was asked about it."""
        ...


@dataclass(frozen=True, slots=True)
class AgentStep:
    """One thought or tool call of an agent, as step webhooks tell it."""

    prompt: str = ""
    thought: str = ""
    tool: str = ""
    tool_input: str = ""
    result: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """The task is done. With a question, a person has to judge its output first.

    ``usage`` are token counts by CrewAI's names (``total_tokens``, ``prompt_tokens``,
    ``completion_tokens``, …).
    """

    output: Output
    usage: Mapping[str, int]
    question: Question | None = None


@dataclass(frozen=True, slots=True)
class Halted:
    """Nothing is left to do before a person answers what was asked through the context."""

    usage: Mapping[str, int]


Result: TypeAlias = Ended | Halted
"""What came of a run."""

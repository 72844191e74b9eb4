"""What runs the tasks of users' crews, and what it tells meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.chain import Chain
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan


class Runner(Protocol):
    """Runs the tasks of deployments of one kind."""

    def plan(self, deployment: Deployment) -> Plan:
        """Load the user's code and read its plan.

        Raises DeploymentBroken, with one sentence for its author, when it does not load.
        """
        ...

    def run(self, deployment: Deployment, chain: Chain, progress: Progress) -> TaskResult:
        """Run the task that is due in the chain, in this process, to its end.

        Raises TaskFailed or any exception of the user's code; neither changes anything of ours.
        """
        ...


class Progress(Protocol):
    """What a runner tells, and is told, while it runs a task."""

    def check(self) -> None:
        """Raise ClaimLost when the run was stopped or its claim was lost: its work is in vain."""
        ...

    def step(self, step: Step) -> None:
        """Tell of one thought or tool call of an agent."""
        ...

    def event(self, kind: str, data: JsonObject) -> None:
        """Tell of one event of the runner's own bus, under the name that it has there."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One thought or tool call of an agent, as step webhooks tell it."""

    prompt: str = ""
    thought: str = ""
    tool: str = ""
    tool_input: str = ""
    result: str = ""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What a run of a task gave.

    ``usage`` are token counts by CrewAI's names (``total_tokens``, ``prompt_tokens``,
    ``completion_tokens``, …). ``skipped`` says that a conditional task's condition did not hold:
    nobody needs to review that.
    """

    output: Output
    usage: Mapping[str, int]
    skipped: bool = False

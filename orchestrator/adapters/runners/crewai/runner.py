"""The runner as wiring builds it: cheap, until its first use imports CrewAI."""

from __future__ import annotations

import importlib
from pathlib import Path

from orchestrator.adapters.runners.crewai.environment import prepare_environment
from orchestrator.adapters.runners.loading import broken
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan
from orchestrator.domain.question import Question
from orchestrator.domain.work import Work
from orchestrator.errors import cause
from orchestrator.ports import Result, RunContext, Runner

_FLOWS = "orchestrator.adapters.runners.crewai.flows.running"
_CREWS = "orchestrator.adapters.runners.crewai.crews"
"""The modules that import CrewAI. They are imported by name, so that nothing else has to wait."""


class CrewaiRunner:
    """Runs the tasks of CrewAI crews, or its flows.

    ``storage`` is the folder for CrewAI's own files.
    """

    def __init__(self, storage: Path | None = None, *, flows: bool = False) -> None:
        self._storage = storage
        self._flows = flows
        self._crews: Runner | None = None

    def import_crewai(self) -> None:
        """Import CrewAI now: 4 to 7 seconds. Safe in a process that forks later.

        Raises ImportError where it is not installed, or not in a version that this knows.
        """
        if self._crews is None:
            prepare_environment(self._storage)
            crews = importlib.import_module(_CREWS)
            # What flows need is set before any code of users is imported: crews may hold flows.
            flows = importlib.import_module(_FLOWS)
            self._crews = flows.Flows() if self._flows else crews.Crews()

    def plan(self, deployment: Deployment) -> Plan:
        """Build the crew, or read the flow, and read its plan. Raises DeploymentBroken."""
        return self._ready(deployment).plan(deployment)

    def warm_up(self) -> None:
        """Do in this process what its first run would otherwise wait for; never before a fork."""
        if self._crews is not None:
            self._crews.warm_up()

    def run(self, deployment: Deployment, work: Work, context: RunContext) -> Result:
        """Run the task that is due. Raises TaskFailed, ClaimLost or DeploymentBroken."""
        return self._ready(deployment).run(deployment, work, context)

    def weigh(
        self, deployment: Deployment, question: Question, words: str, output: Output
    ) -> str | None:
        """Have a model say which option the words mean."""
        return self._ready(deployment).weigh(deployment, question, words, output)

    def _ready(self, deployment: Deployment) -> Runner:
        try:
            self.import_crewai()
        except ImportError as error:
            why = f'{cause(error)} (to install CrewAI: pip install "crew-orchestrator[crewai]")'
            raise broken(deployment, why) from error
        assert self._crews is not None  # noqa: S101 - narrows what import_crewai has set
        return self._crews

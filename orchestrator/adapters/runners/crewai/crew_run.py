"""One task run of a crew: what it is about, and how the crew is brought to where it is due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from crewai import Crew, Task
from crewai.agents.agent_builder.base_agent import BaseAgent
from crewai.tasks.task_output import TaskOutput

from orchestrator.adapters.runners.crewai import internals, outputs
from orchestrator.adapters.runners.crewai.metering import TokenMeter, total
from orchestrator.adapters.runners.crewai.reporting import StepReporter
from orchestrator.adapters.runners.crewai.retries import retry_in_one_place
from orchestrator.domain.output import Output
from orchestrator.domain.plan import TaskKind
from orchestrator.domain.work import Work
from orchestrator.ports import CallJournal


@dataclass(frozen=True)
class CrewRun:
    """One task run: a copy of the crew, the work that is due in it, and whom to tell.

    ``journal`` has the calls of models and tools, where the deployment journals them.
    """

    crew: Crew
    work: Work
    reporter: StepReporter
    journal: CallJournal | None = None

    def usage(self, meter: TokenMeter) -> dict[str, int]:
        """The tokens that the output cost: those of this attempt, and of what was served to it."""
        served = self.journal.served_usage() if self.journal else {}
        return total([meter.spent(), served])

    @property
    def offset(self) -> int:
        """How many planned tasks stand before the crew's own."""
        kinds = [task.kind for task in self.work.plan.tasks]
        return kinds.index(TaskKind.TASK)

    @property
    def task(self) -> Task:
        """The crew's task that is due."""
        return self.crew.tasks[self.place - self.offset]

    @property
    def place(self) -> int:
        """Which of the planned tasks is due."""
        return self.work.plan.place(self.work.path)

    @cached_property
    def outputs(self) -> Mapping[int, Output]:
        """The final outputs so far, by the places of their tasks in the plan."""
        return {self.work.plan.place(path): each for path, each in self.work.outputs.items()}

    @property
    def inputs(self) -> dict[str, Any]:
        """The inputs as the callbacks before kickoff returned them, or as they were given."""
        returned = self.output_of(TaskKind.BEFORE_KICKOFF)
        inputs = returned.json if returned else self.work.inputs
        return dict(inputs) if isinstance(inputs, Mapping) else {}

    @property
    def earlier(self) -> list[TaskOutput]:
        """The outputs of the crew's tasks before the one that is due."""
        before = range(self.offset, self.place)
        return [self.as_crewais(place) for place in before if place in self.outputs]

    def as_crewais(self, place: int) -> TaskOutput:
        """The output of a planned task of the crew as CrewAI has it."""
        return outputs.to_task(self.outputs[place], self.crew.tasks[place - self.offset])

    @property
    def begins_kickoff(self) -> bool:
        """Whether this is the first job in which CrewAI would tell of a kickoff."""
        before = self.work.plan.tasks[: self.place]
        return self.work.round == 1 and all(t.kind is TaskKind.BEFORE_KICKOFF for t in before)

    def output_of(self, kind: TaskKind) -> Output | None:
        """What the planned task of this kind gave, None where there is no such task."""
        kinds = [task.kind for task in self.work.plan.tasks]
        return self.outputs.get(kinds.index(kind)) if kind in kinds else None


def prepare(run: CrewRun) -> None:
    """Bring the crew to where a kickoff would have it when this planned task is due."""
    if run.begins_kickoff:
        internals.listen(run.reporter.event)
    internals.prepare(run.crew, run.inputs)
    retry_in_one_place(run.crew)
    if not run.begins_kickoff:
        internals.listen(run.reporter.event)
    _put_back_plans(run)
    _put_back_outputs(run)


def tell_steps(run: CrewRun) -> None:
    """Tell of the agents' steps. Before ``prepare``, which hands the callbacks on."""
    for agent in _distinct([*run.crew.agents, *(task.agent for task in run.crew.tasks)]):
        _report_steps_of(agent, run, run.crew.step_callback)


def report_steps_of_manager(run: CrewRun) -> None:
    """Tell of the manager's steps. After ``prepare``, which may make one."""
    manager = run.crew.manager_agent
    if manager:
        _report_steps_of(manager, run, None)


def _report_steps_of(agent: BaseAgent, run: CrewRun, crews_own: Any) -> None:
    own = getattr(agent, "step_callback", None) or crews_own
    callback = run.reporter.step_callback(own)
    if "step_callback" in type(agent).model_fields:
        setattr(agent, "step_callback", callback)  # noqa: B010 - not every kind of agent has it


def _distinct(agents: Iterable[BaseAgent | None]) -> list[BaseAgent]:
    return list({id(agent): agent for agent in agents if agent}.values())


def _put_back_plans(run: CrewRun) -> None:
    planned = run.output_of(TaskKind.PLANNING)
    if planned and isinstance(planned.json, list):
        for task, text in zip(run.crew.tasks, planned.json, strict=False):
            task.description += str(text)


def _put_back_outputs(run: CrewRun) -> None:
    """Give each task its output, save those that were skipped: CrewAI leaves them without one."""
    for index, task in enumerate(run.crew.tasks, start=run.offset):
        output = run.outputs.get(index)
        task.output = (
            None if output is None or outputs.was_skipped(output) else run.as_crewais(index)
        )

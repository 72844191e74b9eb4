"""A deployment: a named crew or flow and its settings; and its manifest, which a worker writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from orchestrator.domain.calls import ToolRules
from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.delivery_policy import DeliveryRules
from orchestrator.domain.permission import Grants
from orchestrator.domain.plan import Plan
from orchestrator.domain.renaming import Renames, misfits, renames_between
from orchestrator.domain.review_policy import ReviewPolicy
from orchestrator.jobs import CREWS


class OnCodeChange(StrEnum):
    """What a worker does whose code has another plan than the one an execution began with."""

    SAME_TASKS = "same-tasks"
    """Go on if the tasks have the same names in the same order; prompts may differ."""
    REFUSE = "refuse"
    """Fail the execution unless the plans are the same to the letter."""


class StatusForm(StrEnum):
    """Which of the platform's two forms the status of an execution has."""

    LIVE = "live"
    """As the platform answers, and as clients in use read it: ``result`` is a text."""
    DOCUMENTED = "documented"
    """As the platform's OpenAPI file has it: ``result`` is an object."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A named crew or flow and its settings, as declared by the operator.

    ``runner`` names what runs it, ``target`` is the import path ``module:attribute``.
    ``max_attempts`` counts all runs of a task or step, ``max_rounds`` those of a review (None: no
    cap). ``outcome_model`` names the model that says which option a person's words mean, where the
    code names none. ``review_webhook`` is told of every review, whatever a kickoff names.
    ``one_by_one`` has the methods of a flow run one at a time, where CrewAI would run them side by
    side. Workers that consume ``queue`` run it, ``max_running`` tasks at a time at most (None: as
    many as there are workers). ``journal`` has the calls of models and tools inside a task
    journalled; ``tools`` says which tools never run again where nobody knows what their call did,
    and which a person has to approve each call of. ``renamed`` has the new names of tasks, or of a
    flow's methods, by the old ones.
    ``review_policy`` says who is asked, ``grants`` who may do what without a token: they count only
    while the deployment is declared.
    """

    name: str
    runner: str
    target: str
    max_attempts: int = 3
    max_rounds: int | None = None
    task_time_limit: timedelta = timedelta(minutes=30)
    review_timeout: timedelta | None = None
    carry_webhooks: bool = False
    on_code_change: OnCodeChange = OnCodeChange.SAME_TASKS
    delivery_rules: DeliveryRules = field(default_factory=DeliveryRules)
    outcome_model: str | None = None
    review_webhook: str | None = None
    one_by_one: bool = False
    status_form: StatusForm = StatusForm.LIVE
    queue: str = CREWS
    max_running: int | None = None
    journal: bool = True
    renamed: Mapping[str, str] = field(default_factory=dict, hash=False)
    tools: ToolRules = field(default_factory=ToolRules)
    review_policy: ReviewPolicy = field(default_factory=ReviewPolicy, hash=False)
    grants: Grants = field(default_factory=Grants, hash=False)

    def settings(self) -> JsonObject:
        """The settings as they are stored: they hold on when the deployment leaves the file.

        What may be secret is left out. Durations are in seconds.
        """
        rules = self.delivery_rules
        return {
            "max_attempts": self.max_attempts,
            "max_rounds": self.max_rounds,
            "task_time_limit": self.task_time_limit.total_seconds(),
            "review_timeout": self.review_timeout.total_seconds() if self.review_timeout else None,
            "carry_webhooks": self.carry_webhooks,
            "on_code_change": str(self.on_code_change),
            "outcome_model": self.outcome_model,
            "one_by_one": self.one_by_one,
            "queue": self.queue,
            "max_running": self.max_running,
            "delays": [delay.total_seconds() for delay in rules.delays],
            "notice_delays": [delay.total_seconds() for delay in rules.notice_delays],
            "stop_on_4xx": rules.stop_on_4xx,
        }

    @classmethod
    def with_settings(cls, name: str, stored: Mapping[str, Any]) -> Deployment:
        """A deployment that is not declared any more; nothing runs it, but its rules hold."""
        bare = cls(name, runner="", target="")
        found: dict[str, Any] = {**bare.settings(), **stored}
        timeout = found["review_timeout"]
        delays, notices = (
            tuple(timedelta(seconds=each) for each in found[key])
            for key in ("delays", "notice_delays")
        )
        return replace(
            bare,
            max_attempts=found["max_attempts"],
            max_rounds=found["max_rounds"],
            task_time_limit=timedelta(seconds=found["task_time_limit"]),
            review_timeout=None if timeout is None else timedelta(seconds=timeout),
            carry_webhooks=found["carry_webhooks"],
            on_code_change=OnCodeChange(found["on_code_change"]),
            outcome_model=found["outcome_model"],
            one_by_one=found["one_by_one"],
            queue=found["queue"],
            max_running=found["max_running"],
            delivery_rules=DeliveryRules(delays, notices, found["stop_on_4xx"]),
        )

    def goes_on(self, begun: Plan, loaded: Plan) -> bool:
        """Whether code with the plan ``loaded`` may go on with what began with ``begun``."""
        if begun.digest == loaded.digest:
            return True
        return self.on_code_change is OnCodeChange.SAME_TASKS and begun.shape == loaded.shape

    def renames(self, begun: Plan, loaded: Plan) -> Renames | None:
        """What migrates an execution from the one plan to the other; None where nothing does."""
        if not self.renamed or self.misfits(begun, loaded):
            return None
        return renames_between(begun, loaded, self.renamed)

    def misfits(self, begun: Plan, loaded: Plan) -> tuple[str, ...]:
        """Why what was renamed does not migrate one plan to the other; nothing where it does."""
        found = misfits(begun, loaded, self.renamed)
        if found or self.on_code_change is OnCodeChange.SAME_TASKS:
            return found
        under_new_names = renames_between(begun, loaded, self.renamed).plan(begun)
        if under_new_names.digest == loaded.digest:
            return ()
        return ('on_code_change = "refuse" takes other names alone, and more than these differs',)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a crew worker found when it loaded a deployment: its plan, or why it did not load.

    ``settings`` are those that the deployment's file had then.
    """

    deployment: str
    plan: Plan | None
    error: str | None
    written_at: datetime
    worker: str
    settings: JsonObject | None = None

"""One deployment, as it is written in the file."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from orchestrator.adapters.deployment_file.permissions import PermissionTable, grants
from orchestrator.adapters.deployment_file.reviews import RuleTable
from orchestrator.adapters.deployment_file.values import (
    Address,
    Delays,
    Length,
    Queue,
    Renamed,
    Table,
    Target,
    WebUrl,
)
from orchestrator.domain.calls import ToolRules
from orchestrator.domain.delivery_policy import DeliveryRules
from orchestrator.domain.deployment import Deployment, OnCodeChange, StatusForm
from orchestrator.domain.review_policy import Calendar, Group, ReviewPolicy


class RunnerKind(StrEnum):
    """What runs a deployment: the names under which ``wiring`` has the runners."""

    CREWAI = "crewai"
    FLOW = "flow"
    FUNCTIONS = "functions"


_TARGETS = {
    "crew": RunnerKind.CREWAI,
    "flow": RunnerKind.FLOW,
    "functions": RunnerKind.FUNCTIONS,
}
"""The keys that name a deployment's code, and what runs it."""


_RULES = {
    "webhook_delays": "delays",
    "human_input_webhook_delays": "notice_delays",
    "webhook_stop_on_4xx": "stop_on_4xx",
}
"""The keys that speak of webhooks, and the fields of ``DeliveryRules`` that they are."""


_TOOLS = {"tools_once": "once", "tool_approval": "approval"}
"""The keys that speak of tools, and the fields of ``ToolRules`` that they are."""

_Patterns = list[Annotated[str, Field(min_length=1)]]


class DeploymentTable(Table):
    """One deployment as it is written. What is absent has the default of ``Deployment``."""

    crew: Target | None = None
    flow: Target | None = None
    functions: Target | None = None
    max_attempts: PositiveInt | None = None
    max_rounds: PositiveInt | None = None
    task_time_limit: Length | None = None
    review_timeout: Length | None = None
    carry_webhooks: bool | None = None
    webhook_delays: Delays | None = None
    human_input_webhook_delays: Delays | None = None
    webhook_stop_on_4xx: bool | None = None
    on_code_change: Annotated[OnCodeChange, Field(strict=False)] | None = None
    status_form: Annotated[StatusForm, Field(strict=False)] | None = None
    outcome_model: Annotated[str, Field(min_length=1)] | None = None
    parallel: Literal["side-by-side", "one-by-one"] | None = None
    queue: Queue | None = None
    max_running: PositiveInt | None = None
    review_webhook: WebUrl | None = None
    renamed: Renamed | None = None
    journal: bool | None = None
    tools_once: _Patterns | None = None
    tool_approval: _Patterns | None = None
    creator: Address | None = None
    reviews: list[RuleTable] = Field(default_factory=list)
    permissions: PermissionTable = Field(default_factory=PermissionTable)

    @model_validator(mode="after")
    def _has_one_target(self) -> DeploymentTable:
        if len(self._targets) != 1:
            raise ValueError(
                "needs one of 'crew', 'flow' and 'functions': the import path of what it runs"
            )
        return self

    @model_validator(mode="after")
    def _journals_what_has_calls(self) -> DeploymentTable:
        given = [key for key in _TOOLS if getattr(self, key)]
        if self.functions is not None and (self.journal or given):
            keys = "'journal', 'tools_once' and 'tool_approval'"
            raise ValueError(f"{keys} are for crews and flows alone")
        if self.journal is False and given:
            raise ValueError(f"{given[0]!r} needs the journal: take 'journal = false' away")
        return self

    @property
    def _targets(self) -> dict[RunnerKind, str]:
        named = {kind: getattr(self, key) for key, kind in _TARGETS.items()}
        return {kind: target for kind, target in named.items() if target is not None}

    def deployment(
        self,
        name: str,
        groups: Mapping[str, Group],
        calendars: Mapping[str, Calendar],
        everywhere: PermissionTable,
    ) -> Deployment:
        """The deployment of that name, whose rules may refer to these groups and calendars.

        ``everywhere`` are the permissions that the file gives in all deployments. Raises ValueError
        for a group that is not declared.
        """
        elsewhere = {*_TARGETS, *_RULES, *_TOOLS, "parallel", "creator", "reviews", "permissions"}
        written = self.model_dump(exclude_unset=True, exclude=elsewhere)
        rules = self.model_dump(exclude_unset=True, include=set(_RULES))
        written["delivery_rules"] = DeliveryRules(
            **{_RULES[name]: value for name, value in rules.items()}
        )
        if self.parallel:
            written["one_by_one"] = self.parallel == "one-by-one"
        tools = {field: tuple(getattr(self, key) or ()) for key, field in _TOOLS.items()}
        written["tools"] = ToolRules(**tools)
        ((runner, target),) = self._targets.items()
        if runner is RunnerKind.FUNCTIONS:
            written["journal"] = False  # there is no call of a model or a tool that we would see
        if self.reviews or self.creator:
            asked = tuple(each.rule() for each in self.reviews)
            written["review_policy"] = ReviewPolicy(asked, groups, calendars, self.creator)
        written["grants"] = grants((everywhere, self.permissions), groups)
        return Deployment(name, runner, target, **written)

"""The deployments, as an operator declares them in a TOML file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    model_validator,
)

from orchestrator.domain.calls import OnceRules
from orchestrator.domain.delivery_policy import DeliveryRules
from orchestrator.domain.deployment import Deployment, OnCodeChange, StatusForm
from orchestrator.errors import InvalidSettings, UnknownDeployment
from orchestrator.jobs import NOT_FOR_CREWS

EXAMPLE = '[deployments.research]\ncrew = "my_project.crew:ResearchCrew"'

_NAME = re.compile(r"(?!\.+$)[A-Za-z0-9._-]{1,64}")
_QUEUE = re.compile(r"[a-z0-9._-]{1,64}")
_DURATION = re.compile(r"(\d+(?:\.\d+)?) ?([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


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


class DeploymentFile:
    """The deployments of one file, by name."""

    def __init__(self, deployments: Mapping[str, Deployment], default: str | None = None) -> None:
        self._deployments = dict(deployments)
        self._default = default

    def get(self, name: str) -> Deployment:
        """The deployment of that name. Raises UnknownDeployment."""
        try:
            return self._deployments[name]
        except KeyError:
            raise UnknownDeployment(name, self.names()) from None

    def names(self) -> tuple[str, ...]:
        """All of them, in the file's order."""
        return tuple(self._deployments)

    def queues(self) -> tuple[str, ...]:
        """The queues that workers consume in order to run them, each once, in the file's order."""
        return tuple(dict.fromkeys(each.queue for each in self._deployments.values()))

    def default(self) -> str | None:
        """The one that the file names, or the only one; None where that is not clear."""
        if self._default is None and len(self._deployments) == 1:
            return self.names()[0]
        return self._default


def load_deployments(path: Path) -> DeploymentFile:
    """Read and check the file.

    Raises InvalidSettings, with one sentence that names the file, the deployment and the key.
    """
    try:
        return _deployments_of(_Document.model_validate(_parsed(path)))
    except ValidationError as wrong:
        raise InvalidSettings(f"{path}: {_first_fault(wrong)}") from wrong


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as wrong:
        raise InvalidSettings(
            f"There is no deployment file at {path}. Write one that names your crew:\n\n{EXAMPLE}\n"
        ) from wrong
    except OSError as wrong:
        raise InvalidSettings(f"{path}: {wrong.strerror}") from wrong
    except ValueError as wrong:  # no TOML, or no UTF-8
        raise InvalidSettings(f"{path} is not valid TOML: {wrong}") from wrong


def _duration(value: object) -> object:
    """Read seconds, or a text such as ``30s``, ``5m``, ``2h`` or ``7d``."""
    written = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if written:
        seconds = float(written[1]) * _SECONDS[written[2]]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    else:
        raise ValueError("must be seconds, or a text such as '30s', '5m', '2h' or '7d'")
    if not 0 < seconds <= timedelta.max.total_seconds():
        raise ValueError("must be longer than nothing, and not for ever")
    return timedelta(seconds=seconds)


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("stands in URLs: 1 to 64 of the characters a-z A-Z 0-9 . _ -")
    return value


def _target(value: object) -> object:
    module, _, attribute = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not all(part.isidentifier() for part in [*module.split("."), *attribute.split(".")]):
        raise ValueError("must be an import path such as 'my_project.crew:ResearchCrew'")
    return value


def _queue(value: object) -> object:
    if not isinstance(value, str) or not _QUEUE.fullmatch(value):
        raise ValueError("must be 1 to 64 of the characters a-z 0-9 . _ -")
    if value in NOT_FOR_CREWS:
        raise ValueError(f"the queue {value!r} is not for crews: take another name")
    return value


def _delays(value: object) -> object:
    """Read the delay before each attempt; the first may be nothing."""
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list of durations, one for each attempt")
    return tuple(timedelta() if one in (0, "0", "0s") else _duration(one) for one in value)


_Delays = Annotated[tuple[timedelta, ...], BeforeValidator(_delays)]
_Duration = Annotated[timedelta, BeforeValidator(_duration)]
_Name = Annotated[str, BeforeValidator(_name)]
_Queue = Annotated[str, BeforeValidator(_queue)]
_Target = Annotated[str, BeforeValidator(_target)]


_RULES = {
    "webhook_delays": "delays",
    "human_input_webhook_delays": "notice_delays",
    "webhook_stop_on_4xx": "stop_on_4xx",
}
"""The keys that speak of webhooks, and the fields of ``DeliveryRules`` that they are."""


class _Entry(BaseModel):
    """One deployment as it is written. What is absent has the default of ``Deployment``."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    crew: _Target | None = None
    flow: _Target | None = None
    functions: _Target | None = None
    max_attempts: PositiveInt | None = None
    max_rounds: PositiveInt | None = None
    task_time_limit: _Duration | None = None
    review_timeout: _Duration | None = None
    carry_webhooks: bool | None = None
    webhook_delays: _Delays | None = None
    human_input_webhook_delays: _Delays | None = None
    webhook_stop_on_4xx: bool | None = None
    on_code_change: Annotated[OnCodeChange, Field(strict=False)] | None = None
    status_form: Annotated[StatusForm, Field(strict=False)] | None = None
    outcome_model: Annotated[str, Field(min_length=1)] | None = None
    parallel: Literal["side-by-side", "one-by-one"] | None = None
    queue: _Queue | None = None
    max_running: PositiveInt | None = None
    review_webhook: Annotated[str, Field(pattern=r"https?://", max_length=2048)] | None = None
    journal: bool | None = None
    tools_once: list[Annotated[str, Field(min_length=1)]] | None = None

    @model_validator(mode="after")
    def _has_one_target(self) -> _Entry:
        if len(self._targets) != 1:
            raise ValueError(
                "needs one of 'crew', 'flow' and 'functions': the import path of what it runs"
            )
        return self

    @model_validator(mode="after")
    def _journals_what_has_calls(self) -> _Entry:
        if self.functions is not None and (self.journal or self.tools_once):
            raise ValueError("'journal' and 'tools_once' are for crews and flows alone")
        if self.journal is False and self.tools_once:
            raise ValueError("'tools_once' needs the journal: take 'journal = false' away")
        return self

    @property
    def _targets(self) -> dict[RunnerKind, str]:
        named = {kind: getattr(self, key) for key, kind in _TARGETS.items()}
        return {kind: target for kind, target in named.items() if target is not None}

    def deployment(self, name: str) -> Deployment:
        elsewhere = {*_TARGETS, *_RULES, "parallel", "tools_once"}
        written = self.model_dump(exclude_unset=True, exclude=elsewhere)
        rules = self.model_dump(exclude_unset=True, include=set(_RULES))
        written["delivery_rules"] = DeliveryRules(
            **{_RULES[name]: value for name, value in rules.items()}
        )
        if self.parallel:
            written["one_by_one"] = self.parallel == "one-by-one"
        if self.tools_once:
            written["once"] = OnceRules(tuple(self.tools_once))
        ((runner, target),) = self._targets.items()
        if runner is RunnerKind.FUNCTIONS:
            written["journal"] = False  # there is no call of a model or a tool that we would see
        return Deployment(name, runner, target, **written)


class _Document(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    default: str | None = None
    deployments: dict[_Name, _Entry] = Field(min_length=1)

    @model_validator(mode="after")
    def _default_exists(self) -> _Document:
        if self.default is not None and self.default not in self.deployments:
            raise ValueError(f"'default' names {self.default!r}, which is not declared")
        return self


def _deployments_of(document: _Document) -> DeploymentFile:
    named = {name: entry.deployment(name) for name, entry in document.deployments.items()}
    return DeploymentFile(named, document.default)


def _first_fault(wrong: ValidationError) -> str:
    """Say in one sentence where the first fault is, and what it is."""
    faults = wrong.errors(include_url=False)
    unknown = [fault for fault in faults if fault["type"] == "extra_forbidden"]
    fault = (unknown or faults)[0]  # a misspelt key is why another one seems to be missing
    said = fault["msg"].removeprefix("Value error, ")
    if unknown:
        said = f"there is no such key{_meant(fault['loc'])}"
    return f"{_place(fault['loc'])}{said}"


def _meant(location: tuple[int | str, ...]) -> str:
    """Name the key that is much like the one that is not known."""
    known = _Document.model_fields if len(location) == 1 else _Entry.model_fields
    alike = get_close_matches(str(location[-1]), known, n=1)
    if not alike:
        return ""
    meant = "[deployments.NAME]" if alike[0] == "deployments" else repr(alike[0])
    return f"; did you mean {meant}?"


def _place(location: tuple[int | str, ...]) -> str:
    """Turn where pydantic found a fault into words: ``deployment 'research': max_rounds: ``."""
    match location:
        case ():
            return ""
        case ("deployments", name):
            return f"deployment {name!r}: "
        case ("deployments", name, "[key]"):
            return f"deployment {name!r}: its name "
        case ("deployments", name, *keys):
            return f"deployment {name!r}: {keys[0]}: "
    return f"{location[0]}: "

"""Which events an execution tells to whom, and what remains of that after a resume."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum

from orchestrator.domain.canonical import JsonObject, known_fields


class WebhookKind(StrEnum):
    """The kinds of webhooks that the wire knows."""

    TASK = "task"
    STEP = "step"
    CREW = "crew"
    HUMAN_INPUT = "human_input"
    STREAM = "stream"


DROPPED_AT_RESUME = (WebhookKind.TASK, WebhookKind.STEP, WebhookKind.CREW)
"""The kinds that count from a resume on only if the resume names them (CrewAI's documentation)."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The ``webhooks`` object of a kickoff: which event types go to an endpoint, and how soon."""

    endpoint_id: str
    events: tuple[str, ...] = ()
    realtime: bool = False

    def wants(self, event: str) -> bool:
        """Whether it is told events of this type; without a list of types, of every one."""
        return not self.events or event in self.events


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The endpoints that an execution's events go to: an endpoint's id for each kind."""

    task: str | None = None
    step: str | None = None
    crew: str | None = None
    human_input: str | None = None
    stream: Stream | None = None

    def endpoint(self, kind: WebhookKind) -> str | None:
        """The endpoint that events of this kind go to, None for nobody."""
        if kind is WebhookKind.STREAM:
            return self.stream.endpoint_id if self.stream else None
        endpoint: str | None = getattr(self, kind.value)
        return endpoint

    def at_resume(self, named: Subscriptions, *, carry: bool) -> Subscriptions:
        """Return what counts after a resume that names ``named``.

        With ``carry`` a resume overrides only what it names; without, the kinds in
        ``DROPPED_AT_RESUME`` are gone unless it names them.
        """
        kept = self if carry else replace(self, task=None, step=None, crew=None)
        overrides = {
            f.name: getattr(named, f.name) for f in fields(named) if getattr(named, f.name)
        }
        return replace(kept, **overrides)

    def dropped(self, after: Subscriptions) -> tuple[WebhookKind, ...]:
        """Name the kinds that were told to somebody before, and are to nobody after."""
        return tuple(
            kind for kind in DROPPED_AT_RESUME if self.endpoint(kind) and not after.endpoint(kind)
        )

    def to_json(self) -> JsonObject:
        """The form in which subscriptions are stored: only what is set."""
        return {key: value for key, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, stored: JsonObject) -> Subscriptions:
        """Build them again from what ``to_json`` gave."""
        known = known_fields(cls, stored)
        stream = known.pop("stream", None)
        if stream is None:
            return cls(**known)
        built = Stream(stream["endpoint_id"], tuple(stream["events"]), bool(stream["realtime"]))
        return cls(**known, stream=built)

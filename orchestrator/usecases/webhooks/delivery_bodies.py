"""The bodies of the calls that see to deliveries and endpoints."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from orchestrator.domain.delivery import DeliveryState
from orchestrator.wire.ids import Id
from orchestrator.wire.moment import Moment


class ReplayBody(BaseModel):
    """Which deliveries to send again; at least one of these has to be said.

    Those that arrived are sent again only where ``state`` is ``DELIVERED``. ``since`` and
    ``until`` (exclusive) bound the time at which they were made.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    deployment: str | None = Field(None, max_length=200)
    execution_id: Id | None = Field(None, max_length=200)
    endpoint_id: Id | None = Field(None, max_length=200)
    state: DeliveryState | None = None
    since: Moment | None = None
    until: Moment | None = None


class EndpointSettingsBody(BaseModel):
    """An endpoint's settings; what is absent or null is as for its deployment, or for all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stop_on_4xx: StrictBool | None = None
    most_sends: StrictInt | None = Field(None, ge=1, le=100)

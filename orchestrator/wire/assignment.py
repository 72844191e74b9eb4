"""The bodies of the calls that say who decides in a review, and who is away."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictStr

from orchestrator.wire.address import Address
from orchestrator.wire.moment import Moment
from orchestrator.wire.requests import Body


class PersonBody(Body):
    """Who does it; a token that is one person's own says that by itself."""

    person: Address | None = None


class DelegateBody(PersonBody):
    """To whom a review is handed on."""

    to: Address


class SnoozeBody(PersonBody):
    """Until when a person is not reminded."""

    until: Moment


class ReassignBody(Body):
    """Who is asked instead of those who were."""

    to: Annotated[list[Address], Field(min_length=1, max_length=100)]


class WithdrawBody(Body):
    """Why nobody is asked any more."""

    reason: Annotated[StrictStr, Field(max_length=1000)] = ""


class AbsenceBody(Body):
    """Until when a person is away, and who is asked instead."""

    until: Moment
    to: Address | None = None

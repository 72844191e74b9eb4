"""Mail addresses, as clients write them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StrictStr

from orchestrator.domain.person import LONGEST_ADDRESS, address_of


def _address(text: str) -> str:
    address = address_of(text)
    if address is None:
        raise ValueError("must be a mail address such as 'ann@example.com'")
    return address


Address = Annotated[StrictStr, Field(max_length=LONGEST_ADDRESS), AfterValidator(_address)]
"""A mail address, in the form in which addresses are compared."""

"""Signing in where people of an organisation do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to the issuer and back: ``url`` leads there; the rest is compared on the way back.

    ``state`` comes back with the browser, ``nonce`` with what the issuer says, and ``verifier``
    proves to the issuer that whoever began is whoever ends it.
    """

    url: str
    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


class SignOn(Protocol):
    """An issuer of OpenID Connect."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def begin(self, back_to: str) -> Attempt:
        """Lead somebody there, and from there to ``back_to``.

        Raises Unauthorized where it is another issuer than the one that is meant, and Transient.
        """
        ...

    def finish(self, back_to: str, code: str, attempt: Attempt) -> str:
        """The proven address of whoever came back with this code.

        Raises Unauthorized, with one sentence that says why, and Transient.
        """
        ...

"""What is stored encrypted, for whoever writes it anew with another key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What lies in a row, and what is to lie there instead."""

    row_id: str | int
    was: bytes
    now: bytes


@dataclass(frozen=True, slots=True)
class StoredSecrets:
    """What a look at some rows of one kind found.

    ``last`` is the last row that was looked at, None where there was none left; ``sealed`` how many
    no key here opens.
    """

    last: str | int | None
    rewrites: tuple[Rewrite, ...]
    sealed: int


class Secrets(Protocol):
    """Everything that is encrypted at rest, in one transaction."""

    def places(self) -> tuple[str, ...]:
        """What may be encrypted, each kind by its name."""
        ...

    def outdated(self, place: str, after: str | int | None) -> StoredSecrets:
        """Look at the next few rows: which of them would be written otherwise today."""
        ...

    def rewrite(self, place: str, rewrites: Sequence[Rewrite]) -> int:
        """Write those that are still as they were; returns how many."""
        ...

    def keep_naming_key(self) -> None:
        """Have ids of endpoints be made for ever with what they are made with now."""
        ...

    def keys_in_use(self, limit: int) -> Mapping[int | None, int]:
        """How many of the newest and of the oldest rows each key encrypted.

        By the key's place in the settings, 0 for the newest; None for those that none opens.
        """
        ...

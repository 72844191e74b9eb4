"""A checkpoint: what is needed to go on from a point. Append-only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.canonical import JsonObject

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a chain by reference: outputs and reviews stand in tables of their own.

    ``committed`` maps a task's index to the id of its final output; ``answered`` names the answered
    reviews in the order of their answers. ``cause`` is the transition that wrote it.
    """

    id: str
    execution_id: str
    number: int
    plan_digest: str
    cause: str
    created_at: datetime
    committed: Mapping[int, str]
    answered: tuple[str, ...]
    format: int = FORMAT

    def to_json(self) -> JsonObject:
        """What is stored beside the columns."""
        return {
            "committed": {str(index): output for index, output in self.committed.items()},
            "answered": list(self.answered),
        }

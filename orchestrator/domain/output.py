"""What a task produced."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from orchestrator.domain.canonical import Json, JsonObject, digest, encode, known_fields
from orchestrator.errors import Invalid, TaskFailed

LIMIT = 16 * 1024 * 1024
"""The largest output that is kept, in bytes of its canonical encoding."""


PREVIEW = 16_000
"""Characters of a large output's text that lists show."""

LARGE = 64 * 1024
"""Bytes of its encoding from which on an output is large."""


EDITS_FIT = "edits_fit"
"""The key of ``Output.extra`` under which a runner stores what edits have to fit."""


@dataclass(frozen=True, slots=True)
class Preview:
    """An output's text as lists show it; ``is_cut`` says that it goes on."""

    text: str
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """The output of one run of a task.

    ``raw`` is the text that people and later tasks read; ``json`` the same as data, where the task
    has such a form; ``extra`` is the runner's own (what it needs to build its object again), save
    for ``EDITS_FIT``: the JSON Schema that an edited form of the data has to fit.
    """

    raw: str
    agent: str = ""
    description: str = ""
    expected_output: str = ""
    summary: str = ""
    json: Json = None
    extra: JsonObject = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The digest of what a person reviews: the text alone."""
        return digest(self.raw)

    @property
    def preview(self) -> Preview:
        """The beginning of the text."""
        return Preview(self.raw[:PREVIEW], is_cut=len(self.raw) > PREVIEW)

    def to_json(self) -> JsonObject:
        """The form in which an output is stored.

        Raises TaskFailed, not to be retried, when it is over ``LIMIT`` or has no JSON form.
        """
        try:
            stored = asdict(self)
            size = len(encode(stored))
        except (TypeError, ValueError, RecursionError) as error:
            message = f"The task's output cannot be stored as JSON: {error}"
            raise TaskFailed(message, retryable=False) from error
        if size > LIMIT:
            message = f"The task's output has {size} bytes, over the limit of {LIMIT}"
            raise TaskFailed(message, retryable=False)
        return stored

    @classmethod
    def from_json(cls, stored: Mapping[str, Json]) -> Output:
        """Build the output again from what ``to_json`` gave."""
        return cls(**known_fields(cls, stored))

    def edited(self, text: str) -> Output:
        """Return the output as a person rewrote it.

        Raises Invalid when the task's output is data and the text is not JSON.
        """
        if self.json is None:
            return replace(self, raw=text)
        try:
            edited = replace(self, raw=text, json=json.loads(text))
            edited.to_json()  # Python reads NaN, and what nests too deeply to be written
        except (ValueError, RecursionError, TaskFailed) as error:
            message = f"'edited_output' must be JSON, as this task's output is: {error}"
            raise Invalid(message, {"edited_output": str(error)}) from error
        return edited

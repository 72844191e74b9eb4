"""Which record a task of a crew inside a method takes, where it is not asked just the same."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from orchestrator.domain.history import Committed
from orchestrator.domain.output import Output

PATH = "team#1/task:write~1"
SAME: dict[str, Any] = {}
OTHER_CONTEXT = {"context": "of another crew"}
OTHER_WORDS = {"description": "as of another day", **OTHER_CONTEXT}
OTHER_INPUTS = {"inputs": "of another crew"}


def likeness(noted: dict[str, Any], **now: Any) -> int:
    """How much a record with these differences is that of a task."""
    flows = "orchestrator.adapters.runners.crewai.flows"
    identity, journal = import_module(f"{flows}.identity"), import_module(f"{flows}.journal")
    task = replace(identity.Identity.of("inputs", "write", "facts"), **now)
    output = identity.known_by(Output("text"), [replace(task, **noted)])
    kept = journal.Journal([Committed(PATH, output)])
    return int(task.likeness(kept.of(PATH), kept))


def test_the_likest_comes_first() -> None:
    rising = [likeness(each) for each in (OTHER_WORDS, OTHER_CONTEXT, OTHER_INPUTS, SAME)]
    assert 0 < rising[0] < rising[1] < rising[2] < rising[3]


@pytest.mark.parametrize("other", [OTHER_CONTEXT, OTHER_WORDS])
@pytest.mark.parametrize(("then", "now"), [(True, False), (False, True)])
def test_of_crews_side_by_side_none_takes_what_another_was_asked(
    other: dict[str, Any], then: object, now: object
) -> None:
    assert likeness({**other, "beside": then}, beside=now) == 0
    assert likeness({"beside": then}, beside=now) > 0

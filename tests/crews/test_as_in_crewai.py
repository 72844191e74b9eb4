"""Crews of every shape give what they give in CrewAI: the same prompts, outputs and results."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, TypeAlias

import pytest

pytestmark = [
    pytest.mark.crewai,
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
    # CrewAI warns of its own fields, imports and callbacks.
    pytest.mark.filterwarnings("ignore"),
]

Deployed: TypeAlias = Callable[..., Any]
Native: TypeAlias = Callable[..., Any]

CREWS = [
    ("marketing.crew:MarketingCrew", {"customer": "a bank", "project": "a card"}),
    ("surprise.crew:SurpriseCrew", {"destination": "Lisbon", "age": 31}),
    ("trip:make_crew", {"cities": "Lisbon", "range": "May", "origin": "Oslo", "interests": "owls"}),
    ("meeting:unread", {"participants": "Ada", "subject": "owls", "objective": "peace"}),
    ("screenplay:crew", {"discussion": "Is revenge petty?", "topic": "revenge"}),
    ("screenplay:crew", {"discussion": "BUY NOW", "topic": "revenge"}),
    ("recruitment:managed", {"position": "owl keeper"}),
    ("recruitment:led", {"position": "owl keeper"}),
    ("recruitment:planned", {"position": "owl keeper"}),
    ("match:informed", {"trade": "pilot"}),
]


@pytest.mark.parametrize(("target", "inputs"), CREWS)
def test_a_crew_gives_what_it_gives_in_crewai(
    deployed: Deployed, native: Native, prompts: list[str], target: str, inputs: dict[str, Any]
) -> None:
    ours = deployed(target).finished(**inputs)
    asked = sorted(prompts)
    prompts.clear()
    theirs = native(target, **inputs)
    assert sorted(prompts) == asked
    assert (ours.tasks, ours.raw, ours.json) == (theirs.tasks, theirs.raw, theirs.json)

"""Counts the tokens of one task run.

CrewAI's own sums count a model twice when two agents share the object. Here each model counts once,
by the difference that the run made to it; runs side by side in threads of one process, on one model
object, would count each other's tokens (worker processes run one task at a time).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from crewai import Crew

from orchestrator.adapters.runners.crewai.retries import models_of

COUNTED = (
    "total_tokens",
    "prompt_tokens",
    "completion_tokens",
    "successful_requests",
    "cached_prompt_tokens",
)


class TokenMeter:
    """Measures what a crew's models, and others that are named, spend from now on."""

    def __init__(self, crew: Crew, *others: object) -> None:
        self._models = list(models_of(crew, *others))
        self._before = self._counts()

    def spent(self) -> dict[str, int]:
        """Token counts since the meter was made, by CrewAI's names."""
        now = self._counts()
        return {name: max(0, now[name] - self._before[name]) for name in COUNTED}

    def _counts(self) -> Counter[str]:
        summaries = [model.get_token_usage_summary() for model in self._models]
        return Counter({name: sum(getattr(s, name) for s in summaries) for name in COUNTED})


def total(usages: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Add up the usages of several task runs."""
    gathered = list(usages)
    return {name: sum(usage.get(name, 0) for usage in gathered) for name in COUNTED}

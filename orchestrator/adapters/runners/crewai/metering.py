"""Counts the tokens of one task run.

CrewAI's own sums count a model twice when two agents share the object, or have copies of one, which
count in one place (``kickoff_for_each`` makes such copies). Here each place counts once, by the
difference that the run made to it; runs side by side in threads of one process, on one model
object, would count each other's tokens (worker processes run one task at a time).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping

from crewai import Crew
from crewai.llms.base_llm import BaseLLM

from orchestrator.adapters.runners.crewai.internals import counter_of
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
        models = models_of(crew, *others)
        self._models = list({counter_of(model): model for model in models}.values())
        self._before = self._counts()

    def spent(self) -> dict[str, int]:
        """Token counts since the meter was made, by CrewAI's names."""
        now = self._counts()
        return {name: max(0, now[name] - self._before[name]) for name in COUNTED}

    def _counts(self) -> Counter[str]:
        summaries = [model.get_token_usage_summary() for model in self._models]
        return Counter({name: sum(getattr(s, name) for s in summaries) for name in COUNTED})


class CallMeter:
    """Measures what single calls of models spend. Safe to call from several threads.

    Of calls of one model, or of copies of it, that run side by side, the one that ends takes what
    was counted up to then: their sum is right, whichever spent it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[int, tuple[int, Counter[str]]] = {}

    def begin(self, model: BaseLLM) -> None:
        """A call of a model begins."""
        with self._lock:
            counter = counter_of(model)
            calls, seen = self._under_way.get(counter) or (0, counts_of(model))
            self._under_way[counter] = (calls + 1, seen)

    def end(self, model: BaseLLM) -> dict[str, int]:
        """It has ended: the tokens that were counted since, by CrewAI's names."""
        with self._lock:
            counter = counter_of(model)
            calls, seen = self._under_way.pop(counter)
            now = counts_of(model)
            if calls > 1:
                self._under_way[counter] = (calls - 1, now)
        spent = {name: now[name] - seen[name] for name in COUNTED}
        return {name: count for name, count in spent.items() if count > 0}


def counts_of(model: BaseLLM) -> Counter[str]:
    """What a model has counted so far, by CrewAI's names."""
    summary = model.get_token_usage_summary()
    return Counter({name: getattr(summary, name) for name in COUNTED})


def total(usages: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Add up the usages of several task runs."""
    gathered = list(usages)
    return {name: sum(usage.get(name, 0) for usage in gathered) for name in COUNTED}

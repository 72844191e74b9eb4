"""Counts the tokens of one run of a flow: of the models of every crew that it kicks off."""

from __future__ import annotations

import threading
from collections import Counter

from crewai import Crew
from crewai.llms.base_llm import BaseLLM

from orchestrator.adapters.runners.crewai.internals import counter_of
from orchestrator.adapters.runners.crewai.metering import COUNTED, counts_of
from orchestrator.adapters.runners.crewai.retries import models_of


class Spending:
    """What models spend from the moment that each of them is first watched."""

    def __init__(self) -> None:
        self._watched: dict[int, tuple[BaseLLM, Counter[str]]] = {}
        self._lock = threading.Lock()

    def watch(self, crew: Crew, *others: object) -> None:
        """Count the models of a crew from here on, each once, whoever else has it or a copy."""
        with self._lock:
            for model in models_of(crew, *others):
                self._watched.setdefault(counter_of(model), (model, counts_of(model)))

    def so_far(self) -> dict[str, int]:
        """Token counts by CrewAI's names."""
        with self._lock:
            watched = list(self._watched.values())
        spent: Counter[str] = Counter()
        for model, before in watched:
            now = counts_of(model)
            spent.update({name: max(0, now[name] - before[name]) for name in COUNTED})
        return {name: spent[name] for name in COUNTED}

"""What the methods of random flows do: they count themselves, and tell what they were given."""

from __future__ import annotations

import asyncio
import os
import time
from hashlib import sha256
from pathlib import Path
from typing import Any, Never
from uuid import uuid4

from crewai.flow.human_feedback import HumanFeedbackResult
from crewai.llms.base_llm import BaseLLM
from random_flows import told

LONGEST = 0.02
"""Seconds that a body may take: so methods side by side end in another order each time."""


class Nobody(BaseLLM):
    """The model of reviews whose answers name an option: it must not be asked."""

    llm_type: str = "nobody"

    def call(self, *_: Any, **__: Any) -> Never:
        raise AssertionError("a model was asked, though an option was named")


NOBODY = Nobody(model="nobody")


class Body:
    """One run of one method. ``needs`` are methods that certainly ended before."""

    def __init__(self, state: Any, name: str, got: Any, needs: tuple[str, ...]) -> None:
        self._state = state
        self._name = name
        self._folder = Path(_field(state, "folder", ""))
        self._counted: dict[str, int] = {}
        self._run = uuid4().hex
        self._of = _run_of(got)
        trail = _field(state, "trail", {})
        given = [name, _field(state, "topic", ""), told(got), *(trail[each] for each in needs)]
        self.text = f"{name} {sha256('/'.join(given).encode()).hexdigest()[:10]}"
        line = f"{name} {os.getpid()} {self._run} {time.time()}\n"
        descriptor = os.open(self._folder / "runs", os.O_APPEND | os.O_CREAT | os.O_WRONLY)
        os.write(descriptor, line.encode())
        os.close(descriptor)

    @property
    def moment(self) -> float:
        """How long it takes."""
        return int(self._run[:4], 16) / 0xFFFF * LONGEST

    @property
    def is_held(self) -> bool:
        """Whether a test wants it to stay in its middle."""
        return (self._folder / f"hold.{self._name}").exists()

    def count(self) -> None:
        """Write what a second run must not find: for flows whose methods run one by one."""
        counts = _field(self._state, "counts", {})
        for key in ("", self._name):
            counts[key] = counts.get(key, 0) + 1
            self._counted[key or "all"] = counts[key]

    def end(self) -> dict[str, Any]:
        """What the method returns."""
        _field(self._state, "trail", {})[self._name] = self.text
        return {"text": self.text, "run": self._run, "of": self._of, "counted": self._counted}


def run(state: Any, name: str, got: Any, needs: tuple[str, ...], *, counts: bool) -> dict[str, Any]:
    """The body of a plain method: it takes a moment, as work does, so that others come between."""
    body = Body(state, name, got, needs)
    if counts:
        body.count()
    time.sleep(body.moment)
    while body.is_held:
        time.sleep(LONGEST)
    return body.end()


async def run_async(
    state: Any, name: str, got: Any, needs: tuple[str, ...], *, counts: bool
) -> dict[str, Any]:
    """The body of a coroutine."""
    body = Body(state, name, got, needs)
    if counts:
        body.count()
    await asyncio.sleep(body.moment)
    while body.is_held:  # noqa: ASYNC110 - a file says when it may go on
        await asyncio.sleep(LONGEST)
    return body.end()


def route(given: dict[str, Any], labels: tuple[str, ...]) -> str:
    """The label that a text means."""
    return labels[sha256(given["text"].encode()).digest()[0] % len(labels)]


def _field(state: Any, name: str, first: Any) -> Any:
    return state.setdefault(name, first) if isinstance(state, dict) else getattr(state, name)


def _run_of(got: Any) -> str | None:
    output = got.output if isinstance(got, HumanFeedbackResult) else got
    return output["run"] if isinstance(output, dict) else None

"""Crews of many functions, and functions that give back much."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

from orchestrator import FunctionCrew, TaskCall, task

MOST = 206
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789 ,."


def _step(number: int) -> Callable[[], str]:
    def step() -> str:
        return "a sentence of an agent, as long as this one is."

    step.__name__ = f"step{number}"
    return step


def _after(number: int) -> object:
    context = [f"step{number - 1}"] if number else []
    return task(name=f"step{number}", context=context)(_step(number))


sees_all = FunctionCrew([_step(number) for number in range(MOST)])
sees_last = FunctionCrew([_after(number) for number in range(MOST)])  # type: ignore[misc]


@cache
def letters(size: int) -> str:
    """Letters at random: nothing is won by compressing them. Made once, outside the measure."""
    return "".join(random.Random(size).choices(LETTERS, k=size))


def text(call: TaskCall) -> str:
    """As many letters as the inputs say."""
    return letters(int(call.inputs["size"]))


def read(call: TaskCall) -> str:
    """What was given is seen by the next one."""
    return str(len(call.context))


texts = FunctionCrew([text, read], inputs=["size"])

"""Crews for the tests of what operators use."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from orchestrator import FunctionFlow, TaskCall, step, task
from orchestrator.errors import ClaimLost


def research(call: TaskCall) -> str:
    return f"Model text about {call.inputs['topic']}"


@task(human_input=True)
def write(call: TaskCall) -> str:
    return f"Model text, draft {call.round}"


def publish(call: TaskCall) -> str:
    """Fail for as long as the file that the input names exists."""
    jam = call.inputs.get("jam")
    if jam and Path(str(jam)).exists():
        raise RuntimeError("secret of the printer")
    return "Model text, published"


def _say(call: TaskCall, what: str) -> None:
    with Path(str(call.inputs["diary"])).open("a") as diary:
        diary.write(f"{what}\n")


def hang(call: TaskCall) -> None:
    """Run until somebody ends it."""
    _say(call, "begun")
    while True:
        time.sleep(0.05)


def hang_deaf(call: TaskCall) -> None:
    """Run until the process is killed."""
    _say(call, "begun")
    while True:
        with suppress(Exception):
            time.sleep(0.05)


def loop(call: TaskCall) -> None:
    """Ask between its steps whether to go on, as a crew does."""
    _say(call, "begun")
    try:
        while True:
            time.sleep(0.05)
            call.check()
    except ClaimLost:
        _say(call, "ended")
        raise


article = [research, write, publish]
doomed = [publish]
hanging = [hang]
deaf = [hang_deaf]
looping = [loop]

_made: list[None] = []


def stuck() -> FunctionFlow:
    """Gives the flow to who reads its plan; who makes it once more, to run it, waits for ever."""
    _made.append(None)
    while len(_made) > 1:
        time.sleep(0.05)
    return FunctionFlow([step(publish)])

"""Crews for the tests of what operators use."""

from __future__ import annotations

import time
from pathlib import Path

from orchestrator import TaskCall, task


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


def hang(call: TaskCall) -> str:
    """Run until the worker is ended, saying each time that it began."""
    with Path(str(call.inputs["begun"])).open("a") as begun:
        begun.write("x")
    while True:
        time.sleep(0.05)
        if call.inputs.get("polite"):
            call.check()


article = [research, write, publish]
doomed = [publish]
hanging = [hang]

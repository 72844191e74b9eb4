"""What tasks and steps of the crews and flows do that ``make faults`` runs: they are counted.

An input ``folder`` says where. Each run of a body adds a line to the file ``runs`` there, outside
of any database: its name, its process and a number of its own, which its output quotes. A file
``hold.NAME`` keeps a body in its middle; ``arm.NAME`` holds the guard of a crash point, and has the
process that runs the body be the one that crashes there, once.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from orchestrator import FunctionFlow, TaskCall, step, task

LOOK = 0.02


def run_body(folder: Path, name: str) -> str:
    """One run of a body; returns the text that quotes it."""
    run = uuid4().hex
    descriptor = os.open(folder / "runs", os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    try:
        os.write(descriptor, f"{name} {os.getpid()} {run}\n".encode())
    finally:
        os.close(descriptor)
    while (folder / f"hold.{name}").exists():
        time.sleep(LOOK)
    with suppress(FileNotFoundError):
        arm = folder / f"arm.{name}"
        guard = Path(arm.read_text())
        arm.unlink()
        guard.write_text(str(os.getpid()))
    return f"{name} run={run}"


def _of(call: TaskCall, name: str) -> str:
    return run_body(Path(str(call.inputs["folder"])), name)


def research(call: TaskCall) -> str:
    return _of(call, "research")


@task(asynchronous=True)
def facts(call: TaskCall) -> str:
    return _of(call, "facts")


@task(human_input=True)
def write(call: TaskCall) -> str:
    return _of(call, "write")


def publish(call: TaskCall) -> str:
    return f"{_of(call, 'publish')} {' '.join(call.feedback)}"


def draft(call: TaskCall) -> str:
    return _of(call, "draft")


def check(call: TaskCall) -> str:
    return _of(call, "check")


def printed(call: TaskCall) -> str:
    return f"{_of(call, 'printed')} {' '.join(call.feedback)}"


crew = [research, facts, write, publish]
plain_flow = FunctionFlow(
    [
        step(draft, ask="Good?", options=("accept", "other")),
        step(check),
        step(printed, after=("accept", "check")),
    ]
)

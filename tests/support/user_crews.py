"""What users would write: crews of plain functions, which tell tests when they run, and wait.

An input ``folder`` names where: each run of a task appends a line to the file ``runs``. A task that
the input ``hold`` names goes on only once there is a file ``go``, or ``go.N`` for its Nth attempt.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from orchestrator import TaskCall, task


def _tell(call: TaskCall, name: str) -> int:
    """Note a run; returns how many there were of this task, this one included."""
    runs = Path(str(call.inputs["folder"])) / "runs"
    with runs.open("a") as file:
        file.write(f"{name} {os.getpid()}\n")
    return sum(line.startswith(f"{name} ") for line in runs.read_text().splitlines())


def _wait(call: TaskCall, name: str, number: int) -> None:
    """Wait, deaf to a lost claim, as a call of a model would."""
    folder = Path(str(call.inputs["folder"]))
    gates = (folder / "go", folder / f"go.{number}")
    while call.inputs.get("hold") == name and not any(gate.exists() for gate in gates):
        time.sleep(0.01)


def _arm(call: TaskCall, name: str) -> None:
    """Have the next crash point that this process passes be a crash: the guard of it names it."""
    if call.inputs.get("arm") == name:
        Path(str(call.inputs["guard"])).write_text(str(os.getpid()))


def _work(call: TaskCall, name: str) -> str:
    number = _tell(call, name)
    _wait(call, name, number)
    _arm(call, name)
    return f"{name} {number}"


def research(call: TaskCall) -> str:
    return _work(call, "research")


@task(human_input=True)
def write(call: TaskCall) -> str:
    said = f" with {call.previous_answer!r} and {call.feedback}" if call.previous_answer else ""
    return _work(call, "write") + said


@task(name="write")
def write_unasked(call: TaskCall) -> str:
    return _work(call, "write")


def publish(call: TaskCall) -> str:
    return f"{_work(call, 'publish')}: {call.outputs['write']}; {' '.join(call.feedback)}".strip()


def fail(call: TaskCall) -> str:
    _work(call, "fail")
    raise ValueError("there is no ink left")


def leak(call: TaskCall) -> str:
    """Take the process down, until somebody mended it: there is a file ``mended``."""
    said = _work(call, "leak")
    if not (Path(str(call.inputs["folder"])) / "mended").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return said


article = [research, write, publish]
plain = [research, write_unasked, publish]
doomed = [research, fail]
deadly = [research, leak]

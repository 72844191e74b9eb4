"""What the browser's tests have reviewed: outputs that the inputs name, and a choice."""

from __future__ import annotations

from orchestrator import FunctionFlow, TaskCall, step, task
from orchestrator.domain.canonical import Json


@task(human_input=True)
def write(call: TaskCall) -> Json:
    """Put out what the inputs say; from the second round on, with what was asked for."""
    said = f"\n\nChanged: {call.feedback[-1]}" if call.feedback else ""
    text = call.inputs["text"]
    return f"{text}{said}" if isinstance(text, str) else text


def print_it(call: TaskCall) -> str:
    """Put out what was approved."""
    return f"Printed: {call.outputs['write']}"


def draft(call: TaskCall) -> Json:
    """Put out what the inputs say."""
    return call.inputs["text"]


def end() -> str:
    """Say so."""
    return "done"


letter = [write, print_it]
choice = FunctionFlow(
    [
        step(draft, ask="What becomes of it?", options=("publish", "archive", "drop")),
        step(end, after_any=("publish", "archive", "drop")),
    ]
)

"""A flow of plain functions: a letter goes out, is revised or is dropped, as a person decides."""

from __future__ import annotations

from orchestrator import FunctionFlow, TaskCall, step


def collect(call: TaskCall) -> str:
    """Begin: the inputs are those of the kickoff."""
    return f"three facts about {call.inputs['topic']}"


def draft(call: TaskCall) -> str:
    """Write; in later rounds with what the person said."""
    wishes = f" Heeded: {call.feedback[-1]}" if call.feedback else ""
    return f"Letter {call.round}, from {call.outputs['collect']}.{wishes}"


def send(call: TaskCall) -> str:
    """Runs when a person chose ``go``."""
    return f"Sent: {call.outputs['draft']}"


def shelve() -> str:
    """Runs when a person chose ``drop``."""
    return "Nothing was sent."


flow = FunctionFlow(
    [
        step(collect),
        step(
            draft,
            after="collect",
            after_any=("revise",),
            ask="Shall it go out?",
            options=("go", "revise", "drop"),
            default="revise",
        ),
        step(send, after="go"),
        step(shelve, after="drop"),
    ],
    inputs=("topic",),
)

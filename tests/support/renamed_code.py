"""Crews and flows of functions before and after their tasks were renamed.

``RAN`` has what ran, and what it was told.
"""

from __future__ import annotations

from typing import Any

from orchestrator import FunctionFlow, TaskCall, step, task

RAN: list[tuple[str, TaskCall]] = []


def doing(name: str) -> Any:
    def work(call: TaskCall) -> str:
        RAN.append((name, call))
        return f"{name} {call.round}"

    work.__name__ = name
    return work


def crew(*names: str) -> list[Any]:
    """The second task is put before a person, the third names what it sees."""
    first, second, third = names
    return [
        doing(first),
        task(human_input=True)(doing(second)),
        task(context=(first, second))(doing(third)),
    ]


def beside(left: str, right: str) -> list[Any]:
    """Two tasks side by side, one of which is put before a person, and what joins them."""
    return [
        task(human_input=True, asynchronous=True)(doing(left)),
        task(asynchronous=True)(doing(right)),
        doing("join"),
    ]


def flow(draft: str, review: str) -> FunctionFlow:
    return FunctionFlow(
        [
            step(doing(draft), after_any=("revise",)),
            step(doing(review), after=draft, ask="Good?", options=("go", "revise")),
            step(doing("publish"), after="go"),
        ],
        start=(draft,),
    )


crew_before = crew("research", "write", "publish")
crew_after = crew("research", "draft", "print")
crew_shifted = crew("find", "research", "write")
crew_moved_down = crew("write", "publish", "print")
crew_later = crew("find", "text", "print")
beside_before = beside("left", "right")
beside_after = beside("port", "starboard")
beside_other = beside("one", "two")
flow_before = flow("draft", "review")
flow_after = flow("sketch", "judge")

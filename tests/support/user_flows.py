"""Flows of functions that tests run.

``RAN`` notes which function ran, ``FAILING`` has what a function raises, by its name.
"""

from __future__ import annotations

from collections.abc import Callable

from orchestrator import FunctionFlow, TaskCall, step

RAN: list[str] = []
FAILING: dict[str, BaseException] = {}


def noting(name: str) -> Callable[[TaskCall], str]:
    def work(call: TaskCall) -> str:
        RAN.append(name)
        if name in FAILING:
            raise FAILING[name]
        return f"{name} {call.round}"

    work.__name__ = name
    return work


loop = FunctionFlow(
    [
        step(noting("draft"), after_any=("revise",)),
        step(noting("review"), after="draft", ask="Good?", options=("go", "revise"), default="go"),
        step(noting("publish"), after="go"),
    ],
    start=("draft",),
)
letter = FunctionFlow(
    [
        step(noting("write"), ask="Send it?", options=("send", "in_words", "revise")),
        step(noting("post"), after_any=("send", "in_words")),
    ]
)
two_reviews = FunctionFlow(
    [
        step(noting("left"), ask="Left?", options=("left_ok", "left_bad")),
        step(noting("right"), ask="Say something on the right"),
        step(noting("slow")),
        step(noting("join"), after=("left_ok", "right", "slow")),
    ]
)
judged = FunctionFlow(
    [step(noting("write"), judge=True), step(noting("print"), after="write")], name="judged"
)
judged_twice = FunctionFlow(
    [step(noting("write"), judge=True), step(noting("print"), after="write", judge=True)]
)
endless = FunctionFlow(
    [step(noting("ping"), after="pong"), step(noting("pong"), after="ping")], start=("ping",)
)
failing = FunctionFlow(
    [
        step(noting("breaks")),
        step(noting("works"), ask="Fine?", options=("yes", "no")),
        step(noting("end"), after=("yes", "breaks")),
    ]
)

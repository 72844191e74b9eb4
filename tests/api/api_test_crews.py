"""Deployments for the tests of the API: crews of plain functions."""

from __future__ import annotations

from browser import HOSTILE

from orchestrator.adapters.runners.function_crew import FunctionCrew, TaskCall, task
from orchestrator.domain.canonical import Json
from orchestrator.errors import TaskFailed


def research(call: TaskCall) -> str:
    return f"Facts about {call.inputs['topic']}"


@task(human_input=True)
def write(call: TaskCall) -> str:
    return f"Draft {call.round} from: {call.context}"


def publish(call: TaskCall) -> str:
    return f"Published: {call.outputs['write']} (said: {'; '.join(call.feedback)})"


@task(human_input=True)
def decide() -> Json:
    return {"price": 3}


def give_up() -> str:
    raise TaskFailed("The archive is closed", retryable=False)


article = FunctionCrew([research, write, publish], inputs=["topic"])
quote = FunctionCrew([decide])
plain = FunctionCrew([lambda: "done"])
silent = FunctionCrew([lambda: ""])
doomed = FunctionCrew([give_up])


@task(human_input=True)
def ramble() -> str:
    return "x" * 300_000


lengthy = FunctionCrew([ramble])


@task(human_input=True)
def attack(call: TaskCall) -> str:
    return f"{HOSTILE} {call.round}"


hostile = FunctionCrew([lambda: HOSTILE, attack], inputs=["topic"])

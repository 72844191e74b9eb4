"""Deployments for the tests of the API: crews of plain functions."""

from __future__ import annotations

from datetime import date
from typing import Literal

from browser import HOSTILE
from pydantic import BaseModel, Field

from orchestrator.adapters.runners.functions.crew import FunctionCrew, TaskCall, task
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


def give_up(call: TaskCall) -> str:
    raise TaskFailed(str(call.inputs.get("why", "The archive is closed")), retryable=False)


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


class Author(BaseModel):
    name: str = Field(min_length=2)
    mail: str | None = None


class Quote(BaseModel):
    title: str = Field(title="Headline", max_length=60)
    price: float = Field(ge=0, description="In euros, without tax.")
    copies: int = Field(ge=1)
    kind: Literal["book", "paper"]
    urgent: bool
    due: date | None = None
    tags: list[str] = []
    notes: str = Field("", max_length=2000)
    author: Author
    extras: list[Author] = []


@task(human_input=True, schema=Quote)
def offer() -> Quote:
    return Quote(
        title="Owls",
        price=3.5,
        copies=2,
        kind="book",
        urgent=False,
        author=Author(name="Ada"),
        tags=["birds", "night"],
    )


def bill(call: TaskCall) -> str:
    return f"Billed: {call.outputs['offer']}"


typed = FunctionCrew([offer, bill])

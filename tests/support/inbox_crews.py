"""What the browser's tests have reviewed: outputs that the inputs name, and a choice."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

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


class Guest(BaseModel):
    """Somebody who comes."""

    name: str = Field(min_length=2)
    arrives: date | None = None


class Booking(BaseModel):
    """One value of every kind that a form has a field for."""

    title: str = Field(max_length=60)
    code: str = Field(pattern="^[A-Z]{3}$", description="Three capital letters.")
    price: float = Field(ge=0)
    room: Literal["garden", "street"]
    paid: bool
    seats: list[int]
    notes: str = Field("", max_length=500)
    guest: Guest
    others: list[Guest] = []


OWLS: dict[str, Json] = {
    "title": "Two owls",
    "code": "OWL",
    "price": 3.5,
    "room": "garden",
    "paid": False,
    "seats": [1, 2],
    "notes": "",
    "guest": {"name": "Ada", "arrives": None},
    "others": [],
}
"""A booking."""


@task(human_input=True, schema=Booking)
def book(call: TaskCall) -> Json:
    """Put out what the inputs say."""
    return call.inputs["text"]


def confirm(call: TaskCall) -> str:
    """Put out what was approved."""
    return f"Booked: {call.outputs['book']}"


def draft(call: TaskCall) -> Json:
    """Put out what the inputs say."""
    return call.inputs["text"]


def end() -> str:
    """Say so."""
    return "done"


letter = [write, print_it]
booking = [book, confirm]
choice = FunctionFlow(
    [
        step(draft, ask="What becomes of it?", options=("publish", "archive", "drop")),
        step(end, after_any=("publish", "archive", "drop")),
    ]
)


def research(call: TaskCall) -> Json:
    """What the article of the tutorials is about."""
    return f"three facts about {call.inputs['text']}"


def article_text(call: TaskCall) -> Json:
    """The article, with what was asked for since."""
    wishes = "".join(f" {each}" for each in call.feedback)
    return f"An article about {call.inputs['text']}.{wishes}"


article = FunctionFlow(
    [
        step(research),
        step(
            article_text,
            name="write",
            after="research",
            after_any=("revise",),
            ask="Send it, or say what to change.",
            options=("send", "revise"),
        ),
        step(end, name="publish", after_any=("send",)),
    ]
)
"""The flow of the tutorials, without CrewAI."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from orchestrator import TaskCall, task
from orchestrator.domain.canonical import Json


@task(human_input=True)
def write(call: TaskCall) -> str:
    if call.inputs.get("fail"):
        raise RuntimeError("no ink")
    return f"About {call.inputs['topic']}, draft {call.round}"


class Price(BaseModel):
    amount: float = Field(ge=0)
    currency: Literal["EUR", "USD"]


@task(human_input=True, schema=Price)
def price() -> Json:
    return {"amount": 3, "currency": "EUR"}


article = [write]
offer = [price]

"""Flows that tell the id of their state, before a person is asked and after."""

from __future__ import annotations

from typing import Any

from crewai.flow import Flow, human_feedback, listen, start
from pydantic import BaseModel


class Named(BaseModel):
    """A state without an id of its own: CrewAI adds one."""

    before: str = ""


class ModelFlow(Flow[Named]):
    """Its state is a model."""

    @start()
    @human_feedback(message="Good?")
    def ask(self) -> str:
        """What a person says words on."""
        self.state.before = self.flow_id
        return "a letter"

    @listen(ask)
    def tell(self) -> list[str]:
        """The ids."""
        return [self.state.before, self.state.id, self.flow_id]  # type: ignore[attr-defined]


class DictFlow(Flow[dict[str, Any]]):
    """Its state is a dict."""

    @start()
    @human_feedback(message="Good?")
    def ask(self) -> str:
        """What a person says words on."""
        self.state["before"] = self.flow_id
        return "a letter"

    @listen(ask)
    def tell(self) -> list[str]:
        """The ids."""
        return [self.state["before"], self.state["id"], self.flow_id]

"""A CrewAI flow that ``make faults`` runs: a review beside a step that takes its time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crewai.flow import Flow, and_, human_feedback, listen, start
from hurt_bodies import run_body
from pydantic import BaseModel


class State(BaseModel):
    """What the flow is started with."""

    folder: str = ""


class HurtFlow(Flow[State]):
    """A draft is reviewed while facts are gathered; then both are used."""

    def _run(self, name: str) -> str:
        return run_body(Path(self.state.folder), name)

    @start()
    @human_feedback(message="Good?", emit=["accept", "other"])
    def draft(self) -> str:
        return self._run("draft")

    @start()
    def check(self) -> str:
        return self._run("check")

    @listen(and_("accept", check))
    def printed(self) -> str:
        said: Any = self.human_feedback_history
        return f"{self._run('printed')} {' '.join(each.feedback for each in said)}"

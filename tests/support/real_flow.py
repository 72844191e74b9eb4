"""A CrewAI flow for whole services: reviews side by side, a loop, a step that can hang or die."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from crewai.flow import Flow, and_, human_feedback, listen, or_, start
from pydantic import BaseModel


class State(BaseModel):
    """What the flow is started with."""

    folder: str = ""
    topic: str = "tea"
    drafts: int = 0


def note(state: State, name: str) -> int:
    """Note that a method's body ran; returns how often it did."""
    runs = Path(state.folder) / "runs"
    with runs.open("a") as file:
        file.write(f"{name} {os.getpid()}\n")
    return sum(line.startswith(f"{name} ") for line in runs.read_text().splitlines())


class ReviewedFlow(Flow[State]):
    """Draft and facts are reviewed side by side; the draft for as many rounds as it takes."""

    @start()
    def begin(self) -> str:
        note(self.state, "begin")
        return self.state.topic

    @listen(or_(begin, "revise"))
    @human_feedback(message="Good?", emit=["accept", "revise"], metadata={"team": "a"})
    def draft(self) -> str:
        note(self.state, "draft")
        self.state.drafts += 1
        return f"draft {self.state.drafts} about {self.state.topic}"

    @start()
    @human_feedback(message="Which facts?")
    def facts(self) -> str:
        note(self.state, "facts")
        return "facts"

    @start()
    def slow(self) -> str:
        if note(self.state, "slow") == 1:
            trouble = Path(self.state.folder) / "trouble"
            if trouble.exists() and trouble.read_text() == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            while trouble.exists() and trouble.read_text() == "hang":
                time.sleep(0.05)
        return "slow"

    @listen(and_("accept", facts, slow))
    def publish(self) -> str:
        note(self.state, "publish")
        said: Any = self.human_feedback_history
        words = "; ".join(each.feedback for each in said)
        return f"published {self.state.topic} after {self.state.drafts} drafts: {words}"

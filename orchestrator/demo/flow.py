"""A flow with one review: a letter goes out, or is written once more, as a person decides."""

from __future__ import annotations

from crewai import Flow
from crewai.flow import human_feedback, listen, or_, start
from pydantic import BaseModel

from orchestrator.demo.model import model


class Letter(BaseModel):
    """What the flow knows; a kickoff gives the topic."""

    topic: str = "owls"


class LetterFlow(Flow[Letter]):
    """An ordinary CrewAI flow: nothing in it knows where it runs."""

    @start()
    def collect(self) -> str:
        """Runs once, however often the letter is written."""
        return f"three facts about {self.state.topic}"

    @listen(or_(collect, "revise"))
    @human_feedback(
        message="Send the letter, or say what to change.", emit=["send", "revise"], llm=model()
    )
    def write(self) -> str:
        """The method whose output a person decides about."""
        wish = self.last_human_feedback.feedback if self.last_human_feedback else ""
        return f"Dear reader, here are three facts about {self.state.topic}. {wish}".strip()

    @listen("send")
    def deliver(self) -> str:
        """The last one."""
        return f"Sent: {self.last_human_feedback.output if self.last_human_feedback else ''}"

"""A CrewAI flow: an article is written, a person has it revised or sent, and signs it."""

from __future__ import annotations

from crewai import Flow
from crewai.flow import HumanFeedbackResult, human_feedback, listen, or_, start
from pydantic import BaseModel
from scripted_words import Scripted

MODEL = Scripted(model="scripted")


class Article(BaseModel):
    """The flow's state. Its fields are the inputs; each needs a default."""

    topic: str = "owls"
    wishes: list[str] = []


class ArticleFlow(Flow[Article]):
    """Nothing in it knows where it runs."""

    @start()
    def research(self) -> str:
        """The first step: research#1."""
        return MODEL.call(f"Write facts about {self.state.topic}")

    @listen(or_(research, "revise"))
    @human_feedback(
        message="Send it, or say what to change.",
        emit=["send", "revise"],
        default_outcome="send",
        llm=MODEL,
        metadata={"desk": "nature"},
    )
    def write(self) -> str:
        """The step write#1; for each round of revising write#2, write#3, and so on."""
        if self.last_human_feedback:
            self.state.wishes.append(self.last_human_feedback.feedback)
        asked = "".join(f", {wish}" for wish in self.state.wishes)
        return MODEL.call(f"Write an article about {self.state.topic}{asked}")

    @listen("send")
    @human_feedback(message="Who signs it?")
    def sign(self, sent: HumanFeedbackResult) -> str:
        """A review without options: the words go on as they are."""
        return str(sent.output)

    @listen(sign)
    def publish(self, signed: HumanFeedbackResult) -> str:
        """The last step. What it returns is the result."""
        return f"{signed.output}, signed {signed.feedback}"

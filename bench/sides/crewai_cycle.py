"""CrewAI alone: a flow with ``@human_feedback``, its pause, its SQLite file, its resume."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Any

from crewai.flow import Flow, human_feedback, listen, start
from crewai.flow.async_feedback import HumanFeedbackPending, PendingFeedbackContext
from crewai.flow.persistence import SQLiteFlowPersistence
from harness.child import Run, serve

RAN: Counter[str] = Counter()
"""How often the step after the review ran, by flow."""


class Later:
    """Has the flow pause, as CrewAI's documentation says."""

    def request_feedback(self, context: PendingFeedbackContext, flow: Flow[Any]) -> str:
        """Nobody answers now."""
        del flow
        raise HumanFeedbackPending(context=context)


class Reviewed(Flow):  # type: ignore[type-arg]
    """Write, ask, publish."""

    @start()
    @human_feedback(message="Good?", provider=Later())
    def write(self) -> str:
        """What a person is asked about."""
        return "draft"

    @listen(write)
    def publish(self) -> str:
        """What follows from the answer."""
        RAN[self.flow_id] += 1
        return "published"


def make(_: dict[str, Any]) -> Run:
    """Kickoff, pause, ``from_pending().resume()``, end."""
    logging.disable(logging.CRITICAL)
    store = SQLiteFlowPersistence(str(Path("bare.db").resolve()))

    def run(count: int) -> None:
        for _ in range(count):
            flow = Reviewed(persistence=store)
            flow.kickoff()
            assert Reviewed.from_pending(flow.flow_id, store).resume("fine") == "published"

    return run


if __name__ == "__main__":
    serve(make)

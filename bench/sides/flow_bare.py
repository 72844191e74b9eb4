"""The same flow by CrewAI alone: its pause, its SQLite file, its resume.

``quiet`` is CrewAI's own ``suppress_flow_events``: no panels, and no events for anybody.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

from crewai.flow.async_feedback import HumanFeedbackPending, PendingFeedbackContext
from crewai.flow.flow_config import flow_config
from crewai.flow.persistence import SQLiteFlowPersistence
from harness.child import Run, serve


class Later:
    """Has every flow pause, as CrewAI's documentation says."""

    def request_feedback(self, context: PendingFeedbackContext, flow: Any) -> str:
        """Nobody answers now."""
        del flow
        raise HumanFeedbackPending(context=context)


def make(arguments: dict[str, Any]) -> Run:
    """Kickoff, pause, ``from_pending().resume()``, end."""
    logging.disable(logging.CRITICAL)
    sys.path.insert(0, str(Path(__file__).parent))
    from bench_flows import OneReview  # noqa: PLC0415 - after its folder is on the path

    flow_config.hitl_provider = Later()
    store = SQLiteFlowPersistence(str(Path("bare.db").resolve()))

    quiet = {"suppress_flow_events": True} if arguments["quiet"] else {}

    def run(count: int) -> None:
        for _ in range(count):
            flow = OneReview(persistence=store, **quiet)
            flow.kickoff()
            pending = OneReview.from_pending(flow.flow_id, store, **quiet)
            assert pending.resume("fine") == "published"

    return run


if __name__ == "__main__":
    serve(make)

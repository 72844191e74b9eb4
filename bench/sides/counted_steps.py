"""A crew whose step after the review is counted for each execution."""

from __future__ import annotations

from collections import Counter

try:
    from orchestrator import FunctionCrew, TaskCall, task
except ImportError:  # in the peers' environment only the counting is needed
    FunctionCrew = None  # type: ignore[assignment, misc]

RAN: Counter[str] = Counter()


def told(ran: Counter[str], count: int) -> dict[str, float]:
    """Of so many executions, in how many the step ran more than once, and in how many never."""
    return {"twice": sum(times > 1 for times in ran.values()), "never": count - len(ran)}


if FunctionCrew is not None:

    @task(human_input=True)
    def write() -> str:
        """What a person is asked about."""
        return "draft"

    def publish(call: TaskCall) -> str:
        """The step that must run once."""
        RAN[call.idempotency_key] += 1
        return "published"

    crew = FunctionCrew([write, publish])

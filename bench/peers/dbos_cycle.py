"""DBOS: a workflow of two steps that waits for a message between them."""

from __future__ import annotations

import logging
from typing import Any

from dbos import DBOS
from harness.child import Run, serve


@DBOS.step()
def write() -> str:
    """What a person is asked about."""
    return "draft"


@DBOS.step()
def publish() -> str:
    """What follows from the approval."""
    return "published"


@DBOS.workflow()
def reviewed() -> str:
    """Write, wait for the person, publish."""
    write()
    DBOS.set_event("asked", value=True)
    assert DBOS.recv("review", timeout_seconds=60) == "fine"
    return publish()


def make(arguments: dict[str, Any]) -> Run:
    """Start, wait until it asks, send, end; ``url`` is an empty database."""
    DBOS(config={"name": "bench", "system_database_url": arguments["url"], "log_level": "ERROR"})
    logging.disable(logging.CRITICAL)
    DBOS.launch()

    def run(count: int) -> None:
        for _ in range(count):
            handle = DBOS.start_workflow(reviewed)
            assert DBOS.get_event(handle.workflow_id, "asked", timeout_seconds=60)
            DBOS.send(handle.workflow_id, "fine", "review")
            assert handle.get_result() == "published"

    return run


if __name__ == "__main__":
    serve(make)

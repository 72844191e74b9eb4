"""CrewAI alone: two threads call ``from_pending().resume()`` for one paused flow at once."""

from __future__ import annotations

import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import counted_steps
from crewai.flow.persistence import SQLiteFlowPersistence
from crewai_cycle import RAN, Reviewed
from harness.child import Run, serve


def make(_: dict[str, Any]) -> Run:
    """So many doubled resumes."""
    logging.disable(logging.CRITICAL)
    store = SQLiteFlowPersistence(str(Path("bare.db").resolve()))
    pool = ThreadPoolExecutor(2)

    def resume(flow_id: str) -> None:
        try:
            Reviewed.from_pending(flow_id, store).resume("fine")
        except Exception as error:  # noqa: BLE001 - the second of two may be refused
            print(repr(error), file=sys.stderr)

    def run(count: int) -> dict[str, float]:
        RAN.clear()
        for _ in range(count):
            flow = Reviewed(persistence=store)
            flow.kickoff()
            list(pool.map(resume, [flow.flow_id] * 2))
        return counted_steps.told(RAN, count)

    return run


if __name__ == "__main__":
    serve(make)

"""Refuse what came over the broker and is no job that can be done: logged, counted, and gone.

Nothing is lost with it: what waits for a worker is a row, and the sweep publishes it again.
"""

from __future__ import annotations

from enum import StrEnum

import structlog

from orchestrator.domain.figures import Refusals
from orchestrator.ports import Ports

log = structlog.get_logger()


class Refusal(StrEnum):
    """Why a job was refused, as the metrics have it."""

    UNREADABLE = "unreadable"
    """Its message is no JSON, or no job."""
    UNKNOWN_JOB = "unknown_job"
    FORMAT = "format"
    """It has the format of an older or a newer version."""
    ARGUMENTS = "arguments"
    UNKNOWN_ID = "unknown_id"
    """It names rows that are not there, or do not belong together."""
    CLAIM_LOST = "claim_lost"
    """A result came from a run that no longer holds its claim."""


def refuse_job(ports: Ports, why: Refusal, **about: object) -> None:
    """Log and count it; a database that is away only costs the count. ``about`` is for the log."""
    log.warning("job refused", why=why.value, **about)
    try:
        ports.store.transact(lambda tx: tx.figures.refuse(Refusals.JOBS, why.value), durable=False)
    except Exception:
        log.exception("refusal not counted")

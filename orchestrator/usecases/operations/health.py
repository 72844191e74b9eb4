"""Say whether the service can take and carry on executions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from orchestrator import jobs
from orchestrator.ports import Ports, Transaction

SEEN_WITHIN = timedelta(seconds=45)
"""A worker that gave no sign for that long counts as gone."""


@dataclass(frozen=True, slots=True)
class Health:
    """What was found: deployments without a manifest, and the crew workers that were seen."""

    not_loaded: tuple[str, ...]
    crew_workers: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        """Every deployment was loaded (or says why not), and a crew worker consumes."""
        return not self.not_loaded and bool(self.crew_workers)


def health(ports: Ports) -> Health:
    """Read how things stand."""

    def read(tx: Transaction) -> Health:
        missing = [n for n in ports.deployments.names() if tx.manifests.get(n) is None]
        return Health(tuple(missing), tx.workers.consuming(jobs.CREWS, SEEN_WITHIN))

    return ports.store.read(read)

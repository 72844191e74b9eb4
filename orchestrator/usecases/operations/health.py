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
    """What was found: deployments by how they stand, and the crew workers that were seen.

    ``not_loaded`` has no manifest yet, ``broken`` has code that does not load.
    """

    loaded: tuple[str, ...]
    not_loaded: tuple[str, ...]
    broken: tuple[str, ...]
    crew_workers: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        """No deployment is yet to be loaded, one at least can be used, a crew worker consumes."""
        return bool(self.loaded and self.crew_workers) and not self.not_loaded


def health(ports: Ports) -> Health:
    """Read how things stand."""

    def read(tx: Transaction) -> Health:
        found = {name: tx.manifests.get(name) for name in ports.deployments.names()}
        return Health(
            loaded=tuple(name for name, each in found.items() if each and each.plan),
            not_loaded=tuple(name for name, each in found.items() if each is None),
            broken=tuple(name for name, each in found.items() if each and each.plan is None),
            crew_workers=tx.workers.consuming(jobs.CREWS, SEEN_WITHIN),
        )

    return ports.store.read(read)

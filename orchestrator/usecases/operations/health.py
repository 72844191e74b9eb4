"""Say whether the service can take and carry on executions."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.domain import retry
from orchestrator.ports import Ports, Transaction


@dataclass(frozen=True, slots=True)
class Health:
    """What was found: deployments by how they stand, and the crew workers that were seen.

    ``not_loaded`` has no manifest yet, ``broken`` has code that does not load. ``unserved`` are the
    queues of deployments that no worker consumes.
    """

    loaded: tuple[str, ...]
    not_loaded: tuple[str, ...]
    broken: tuple[str, ...]
    crew_workers: tuple[str, ...]
    unserved: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        """Every deployment was loaded and has a worker, and one at least can be used."""
        return bool(self.loaded) and not self.not_loaded and not self.unserved


def health(ports: Ports) -> Health:
    """Read how things stand."""

    def read(tx: Transaction) -> Health:
        found = {name: tx.manifests.get(name) for name in ports.deployments.names()}
        workers = {
            queue: tx.workers.consuming(queue, retry.SHOWN_WITHIN)
            for queue in ports.deployments.queues()
        }
        return Health(
            loaded=tuple(name for name, each in found.items() if each and each.plan),
            not_loaded=tuple(name for name, each in found.items() if each is None),
            broken=tuple(name for name, each in found.items() if each and each.plan is None),
            crew_workers=tuple(sorted({name for names in workers.values() for name in names})),
            unserved=tuple(queue for queue, names in workers.items() if not names),
        )

    return ports.store.read(read)

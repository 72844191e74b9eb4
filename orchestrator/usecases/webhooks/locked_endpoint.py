"""One endpoint and its host, their rows locked, and what one round of a drain changes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.chain import chained
from orchestrator.domain.delivery import Delivery
from orchestrator.domain.endpoint import Endpoint
from orchestrator.domain.endpoint_host import Host
from orchestrator.domain.timeline import Entry, worker_actor
from orchestrator.errors import UnknownEndpoint
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.webhooks.batch import DrainWork

TIME_TO_RECORD = timedelta(seconds=10)
"""What the lease of a batch has beyond its longest try."""


class LockedEndpoint:
    """An endpoint and its host, between the load and the save of a drain's round.

    Whoever changes one of them puts the new value in the place of the old; ``close`` writes both,
    where they are others than were loaded, and what was noted.
    """

    def __init__(self, ports: Ports, tx: Transaction, work: DrainWork) -> None:
        """Lock the rows. Raises UnknownEndpoint."""
        self.ports = ports
        self.tx = tx
        self.work = work
        self.now = tx.now()
        loaded = tx.endpoints.lock(work.endpoint_id)
        if loaded is None:
            raise UnknownEndpoint(work.endpoint_id)
        self.endpoint = replace(loaded, health=loaded.health.resume(self.now))
        self.host = _lock_host(tx, loaded)
        self._loaded = loaded
        self._loaded_host = self.host
        self._entries: list[Entry] = []

    @property
    def lease(self) -> timedelta:
        """For how long what is claimed now is its drain's."""
        return self.ports.send_limits.one_try + TIME_TO_RECORD

    @property
    def place(self) -> tuple[str, str]:
        """The ids of both rows."""
        return self.endpoint.id, self.endpoint.host_id

    def rest(self, until: datetime) -> None:
        """Nothing is sent to the endpoint before then."""
        health = self.endpoint.health.quiet(until)
        self.endpoint = replace(self.endpoint, health=health)

    def note(self, event: str, delivery: Delivery, subject_id: str, details: JsonObject) -> None:
        """Add a line to the timeline of the execution that a delivery tells of."""
        self._entries.append(
            Entry(
                execution_id=delivery.execution_id,
                deployment=delivery.deployment,
                at=self.now,
                actor=worker_actor(self.work.worker),
                event=event,
                subject_id=subject_id,
                details={key: value for key, value in details.items() if value is not None},
                endpoint_id=self.work.endpoint_id,
            )
        )

    def forget(self, delivery_ids: list[str]) -> None:
        """Take back the lines about these deliveries: what was decided of them did not count."""
        self._entries = [each for each in self._entries if each.subject_id not in delivery_ids]

    def close(self) -> None:
        """Write what has changed."""
        if self.host != self._loaded_host:
            self.tx.endpoints.save_host(self.host)
        head, entries = chained(self.endpoint.head, self._entries)
        self.endpoint = self.endpoint.chained(head)
        if self.endpoint != self._loaded:
            self.tx.endpoints.save(self._loaded, self.endpoint)
        self.tx.timeline.add(entries)


def _lock_host(tx: Transaction, endpoint: Endpoint) -> Host:
    """A sealed endpoint's host is not known."""
    return Host("") if endpoint.is_sealed else tx.endpoints.lock_host(endpoint.host_id)

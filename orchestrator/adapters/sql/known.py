"""What a process has read of rows that never change: no step of a chain reads them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from cachetools import LRUCache

from orchestrator.domain.checkpoint import Checkpoint
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan
from orchestrator.domain.transport import Transport

MOST_EXECUTIONS = 256
MOST_ENDPOINTS = 4096
MOST_BYTES = 64 * 1024 * 1024
"""Of outputs as they lie in the database."""


@dataclass(frozen=True, slots=True)
class StoredOutput:
    """An output as it lies in the database.

    ``text`` is the same understood, where that is text and nothing else: data is read anew for
    each user, who may change it.
    """

    body: bytes
    text: Output | None = None

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.body)


class Known:
    """Plans, checkpoints of executions, outputs as they lie in the database, transports.

    Outputs that are encrypted at rest are held here understood as well: so is the key itself.

    Only what was committed comes in here. A flow's checkpoints stay out: they hold its state, which
    is large, and a worker reads them once for each halt.
    """

    def __init__(self) -> None:
        self.plans: dict[str, Plan] = {}
        self.naming_key: bytes | None = None
        self._checkpoints: LRUCache[str, tuple[Checkpoint, ...]] = LRUCache(MOST_EXECUTIONS)
        self._outputs: LRUCache[str, StoredOutput] = LRUCache(
            MOST_BYTES, lambda stored: stored.size
        )
        self._transports: LRUCache[str, Transport] = LRUCache(MOST_ENDPOINTS)
        self._lock = Lock()  # the threads of an API share it

    def checkpoints(self, execution_id: str) -> tuple[Checkpoint, ...]:
        """The first checkpoints of an execution, without a gap."""
        with self._lock:
            return self._checkpoints.get(execution_id, ())

    def keep_checkpoints(self, execution_id: str, all_: Sequence[Checkpoint]) -> None:
        """Know these from now on, the first ones of an execution."""
        if any(each.state is not None for each in all_):
            return
        with self._lock:
            self._checkpoints[execution_id] = tuple(all_)

    def outputs(self, output_ids: Sequence[str]) -> dict[str, StoredOutput]:
        """Those of them that are known, by id."""
        with self._lock:
            found = ((output_id, self._outputs.get(output_id)) for output_id in output_ids)
            return {output_id: stored for output_id, stored in found if stored is not None}

    def keep_outputs(self, outputs: Mapping[str, StoredOutput]) -> None:
        """Know these from now on; one that has more than there is room for is read each time."""
        with self._lock:
            for output_id, stored in outputs.items():
                if stored.size <= MOST_BYTES:
                    self._outputs[output_id] = stored

    def transport(self, endpoint_id: str) -> Transport | None:
        """How an endpoint is sent to: its id is made from its URL."""
        with self._lock:
            return self._transports.get(endpoint_id)

    def keep_transport(self, endpoint_id: str, transport: Transport) -> None:
        """Know this from now on."""
        with self._lock:
            self._transports[endpoint_id] = transport

    def forget(self) -> None:
        """The database broke off: whatever comes back may be another one, or a copy of before."""
        with self._lock:
            self.plans.clear()
            self.naming_key = None
            self._checkpoints.clear()
            self._outputs.clear()
            self._transports.clear()

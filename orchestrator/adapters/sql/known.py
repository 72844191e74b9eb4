"""What a process has read of rows that never change: no step of a chain reads them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from cachetools import LRUCache

from orchestrator.domain.checkpoint import Checkpoint
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan
from orchestrator.domain.transport import Transport

MOST_EXECUTIONS = 256
MOST_ENDPOINTS = 4096
MOST_BYTES = 64 * 1024 * 1024
"""Of outputs, as they lie in the database and understood."""

OVERHEAD = 1024
"""What an output takes besides, in bytes."""


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
        """In bytes: a text may be a thousand times as long as it lies in the database."""
        return OVERHEAD + len(self.body) + (len(self.text.raw) if self.text else 0)


@dataclass(frozen=True, slots=True)
class KnownOutputs:
    """Outputs that one execution goes by, by their ids; ``size`` is theirs together."""

    by_id: Mapping[str, StoredOutput] = field(default_factory=dict)
    size: int = 0

    def joined_by(self, outputs: Mapping[str, StoredOutput]) -> KnownOutputs:
        """These and those of the others that there is room for."""
        size = self.size
        fit: dict[str, StoredOutput] = {}
        for output_id, stored in outputs.items():
            if output_id not in self.by_id and size + stored.size <= MOST_BYTES:
                fit[output_id] = stored
                size += stored.size
        return KnownOutputs({**self.by_id, **fit}, size)


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
        self._outputs: LRUCache[str, KnownOutputs] = LRUCache(MOST_BYTES, lambda known: known.size)
        self._transports: LRUCache[str, Transport] = LRUCache(MOST_ENDPOINTS)
        self._lock = Lock()  # the threads of an API share it

    def checkpoints(self, execution_id: str) -> tuple[Checkpoint, ...]:
        """The first checkpoints of an execution, without a gap."""
        with self._lock:
            return self._checkpoints.get(execution_id, ())

    def keep_checkpoints(
        self, execution_id: str, known: tuple[Checkpoint, ...], more: Sequence[Checkpoint]
    ) -> None:
        """Know more from now on than the first ones of an execution, which are known."""
        if all(each.state is None for each in more):
            with self._lock:
                self._checkpoints[execution_id] = (*known, *more)

    def outputs(self, execution_id: str) -> Mapping[str, StoredOutput]:
        """Those that are known of what an execution goes by, by id."""
        with self._lock:
            known = self._outputs.get(execution_id)
        return known.by_id if known is not None else {}

    def keep_outputs(self, execution_id: str, outputs: Mapping[str, StoredOutput]) -> None:
        """Know these from now on as well; those that there is no room for are read each time."""
        with self._lock:
            known = self._outputs.pop(execution_id, KnownOutputs())
            self._outputs[execution_id] = known.joined_by(outputs)

    def transport(self, endpoint_id: str) -> Transport | None:
        """How an endpoint is sent to: its id is made from its URL."""
        with self._lock:
            return self._transports.get(endpoint_id)

    def keep_transport(self, endpoint_id: str, transport: Transport) -> None:
        """Know this from now on."""
        with self._lock:
            self._transports[endpoint_id] = transport

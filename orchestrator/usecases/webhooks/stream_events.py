"""Tell the stream what happens in an execution: the runner's events, and our own transitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.canonical import JsonObject, encode
from orchestrator.domain.output import Output
from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.webhooks import WebhookKind
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.locked_execution import LockedExecution, lock_claimed

STARTED = "crew_kickoff_started"
COMPLETED = "crew_kickoff_completed"
FAILED = "crew_kickoff_failed"
FLOW_FAILED = "flow_failed"
_OURS = frozenset({STARTED, COMPLETED, FAILED})
"""A runner sees one task, and tells these for each run of it, or never: so we tell them."""

MOST_EVENTS = 100
LARGEST_BODY = 512 * 1024
"""How much one delivery of a stream that is not realtime holds: events, and about that many bytes.
"""


@dataclass(frozen=True, slots=True)
class RunnerEvent:
    """An event of a runner's bus, by the name that it has there, and when it was emitted."""

    kind: str
    data: JsonObject
    at: datetime


def emit_events(ports: Ports, claimed: TaskRun, worker: str, events: Sequence[RunnerEvent]) -> None:
    """Write the deliveries of several events of a running task, in one transaction.

    Does nothing where the claim is lost.
    """

    def decide(tx: Transaction) -> None:
        locked = lock_claimed(ports, tx, claimed, worker)
        if locked is None:
            return
        ours = frozenset() if locked.is_flow else _OURS
        _announce(locked, [each for each in events if each.kind not in ours])
        locked.close()

    ports.store.transact(decide)


def emit_started(locked: LockedExecution) -> None:
    """A worker took up the execution's first task. A flow's own engine tells that it starts."""
    if locked.is_flow:
        return
    data: JsonObject = {"crew_name": locked.execution.deployment, "inputs": locked.execution.inputs}
    _announce(locked, [RunnerEvent(STARTED, data, locked.now)])


def emit_ended(locked: LockedExecution, result: Output | None, usage: JsonObject) -> None:
    """The execution ended: well, with a result, or without one."""
    is_flow, name = locked.is_flow, locked.execution.deployment
    if result is None:
        error = locked.execution.error or "The execution was stopped"
        kind, named = (FLOW_FAILED, "flow_name") if is_flow else (FAILED, "crew_name")
        _announce(locked, [RunnerEvent(kind, {named: name, "error": error}, locked.now)])
    elif not is_flow:  # whose own engine has told
        tokens = usage["total_tokens"]
        told: JsonObject = {"crew_name": name, "output": result.raw, "total_tokens": tokens}
        _announce(locked, [RunnerEvent(COMPLETED, told, locked.now)])


def _announce(locked: LockedExecution, events: Sequence[RunnerEvent]) -> None:
    stream = locked.execution.subscriptions.stream
    if stream is None:
        return
    wanted = (_event(locked, each) for each in events if stream.wants(each.kind))
    for batch in _batches(wanted, 1 if stream.realtime else MOST_EVENTS):
        locked.announce(WebhookKind.STREAM, {"events": batch})


def _event(locked: LockedExecution, event: RunnerEvent) -> JsonObject:
    return {
        "id": event.data.get("event_id") or locked.ports.ids.new(),
        "execution_id": locked.execution.id,
        "timestamp": event.data.get("timestamp") or event.at.isoformat(),
        "type": event.kind,
        "data": event.data,
    }


def _batches(events: Iterable[JsonObject], most: int) -> Iterator[list[JsonObject]]:
    batch: list[JsonObject] = []
    size = 0
    for event in events:
        length = len(encode(event))
        if batch and (len(batch) >= most or size + length > LARGEST_BODY):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += length
    if batch:
        yield batch

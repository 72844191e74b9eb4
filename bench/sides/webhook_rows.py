"""Rows of the bench of webhooks: deliveries that are due, and many endpoints that are not."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import timedelta

from orchestrator.domain.delivery import Delivery, DeliveryState
from orchestrator.domain.endpoint import SigningSecret
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.webhooks import Subscriptions
from orchestrator.ports import Ports, Transaction

BODY = json.dumps({"name": "write", "output": "x" * 1000, "meta": {}})

AT_ONCE = 500
"""Endpoints that are written in one transaction."""


def new_execution(ports: Ports) -> Execution:
    """An execution that did nothing."""
    return Execution(
        id=ports.ids.new(),
        deployment="bench",
        state=ExecutionState.RUNNING,
        version=1,
        origin="bench",
        actor="bench",
        plan_digest="sha256:" + "0" * 64,
        inputs={},
        meta={},
        subscriptions=Subscriptions(),
        carry_webhooks=False,
        created_at=ports.clock.now(),
    )


def new_delivery(
    ports: Ports, execution_id: str, endpoint_id: str, number: int, after: timedelta
) -> Delivery:
    """A delivery that is due after so long."""
    now = ports.clock.now()
    return Delivery(
        id=ports.ids.new(),
        execution_id=execution_id,
        deployment="bench",
        endpoint_id=endpoint_id,
        kind="task",
        sequence=number + 1,
        state=DeliveryState.PENDING,
        version=1,
        body=BODY.encode(),
        created_at=now,
        due_at=now + after,
        published_at=now,
        wake_at=now + max(after, timedelta(minutes=1)),
    )


def add_endpoints(ports: Ports, count: int) -> None:
    """Endpoints with a secret of their own each, and a delivery each that is due tomorrow."""
    for first in range(0, count, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, count))
        ports.store.transact(lambda tx, numbers=numbers: _add(ports, tx, numbers))


def _add(ports: Ports, tx: Transaction, numbers: range) -> None:
    now = ports.clock.now()
    execution = new_execution(ports)
    tx.executions.add(execution)
    for number in numbers:
        text = "whsec_" + b64encode(f"secret of the endpoint {number:06}".encode()).decode()
        url = f"http://127.0.0.1:9/{number}"
        endpoint_id = tx.endpoints.ensure("bench", url, None, now)
        about = (ports, execution.id, endpoint_id)
        tx.endpoints.add_secret(SigningSecret(ports.ids.new(), "bench", endpoint_id, text, now))
        tx.deliveries.add([new_delivery(*about, number, timedelta(days=1))])

"""Stop an execution for good."""

from __future__ import annotations

from orchestrator.domain.execution import Execution
from orchestrator.domain.permission import Scope
from orchestrator.errors import CannotStop
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.advance import announce_end, withdraw_open
from orchestrator.usecases.executions.locked_execution import lock_execution
from orchestrator.wire.words import STOP_REFUSED


def stop(ports: Ports, scope: Scope, execution_id: str, actor: str) -> Execution:
    """Withdraw all that is open and refuse every result that is still to come.

    Raises UnknownExecution; CannotStop when it has ended already.
    """

    def decide(tx: Transaction) -> Execution:
        locked = lock_execution(ports, tx, execution_id, actor, scope)
        if not locked.execution.is_open:
            raise CannotStop(STOP_REFUSED[locked.execution.state])
        locked.transition("stop", locked.execution.stop(locked.now))
        runs = withdraw_open(locked)
        tx.calls.purge_execution(execution_id)
        announce_end(locked, None, runs)
        return locked.close()

    return ports.store.transact(decide)

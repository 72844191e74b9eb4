"""Stop an execution for good."""

from __future__ import annotations

from orchestrator.domain.execution import Execution
from orchestrator.errors import CannotStop
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.advance import tell_end, withdraw_open
from orchestrator.usecases.case import open_case
from orchestrator.usecases.wire_words import STOP_REFUSED


def stop(ports: Ports, deployment: str | None, execution_id: str, actor: str) -> Execution:
    """Withdraw all that is open and refuse every result that is still to come.

    Raises UnknownExecution; CannotStop when it has ended already.
    """

    def decide(tx: Transaction) -> Execution:
        case = open_case(ports, tx, execution_id, actor, deployment)
        if not case.execution.is_open:
            raise CannotStop(STOP_REFUSED[case.execution.state])
        case.turn("stop", case.execution.stop(case.now))
        withdraw_open(case)
        tell_end(case, None)
        return case.close()

    return ports.store.transact(decide)

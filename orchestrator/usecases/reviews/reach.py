"""How far the words of an answer reach: what a person may choose, and what comes of it."""

from __future__ import annotations

from orchestrator.domain.checkpoint import standing
from orchestrator.domain.question import QuestionKind
from orchestrator.domain.reach import Reach, reach
from orchestrator.domain.review import Review
from orchestrator.errors import Invalid, Unreadable
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.history import committed_outputs
from orchestrator.usecases.executions.locked_execution import LockedExecution
from orchestrator.wire.requests import ONWARD, AnswerBody


def require_scope(locked: LockedExecution, review: Review, body: AnswerBody) -> None:
    """Raises Invalid where the answer limits who reads its words, and that cannot be kept."""
    scope = body.feedback_scope
    if scope in (None, ONWARD):
        return
    if review.kind is not QuestionKind.JUDGE:
        message = (
            "'feedback_scope' goes with a review that judges a task's output. Here the words go to "
            "the code that asked, which does with them what it does."
        )
        raise Invalid(message, {"feedback_scope": "not in a review of this kind"})
    if review.terms is not None and review.terms.decisions > 1:
        message = (
            "Several people decide here, and their words reach the tasks together: leave "
            "'feedback_scope' out."
        )
        raise Invalid(message, {"feedback_scope": "several people decide"})
    if isinstance(scope, list):
        rework_from = body.rework_from if locked.plan.is_task(body.rework_from or "") else None
        found = reach(locked.plan, committed_outputs(locked.checkpoints), review.path, rework_from)
        _require_known(scope, found)


def _require_known(scope: list[str], found: Reach) -> None:
    if found.others is None:
        message = (
            "Which tasks follow is known to the flow's own code alone: send 'feedback_scope' "
            '"retry" or "onward".'
        )
        raise Invalid(message, {"feedback_scope": "retry or onward"})
    unknown = [name for name in scope if name not in found.names]
    if unknown:
        names = ", ".join(found.names)
        message = (
            f"'feedback_scope' names {', '.join(map(repr, unknown))}; the tasks that may still "
            f"read the words are: {names}."
        )
        raise Invalid(message, {"feedback_scope": f"one or more of: {names}"})


def reach_of(ports: Ports, review: Review) -> Reach | None:
    """Whom words on the judged output may reach; None where nobody may choose."""
    alone = review.terms is None or review.terms.decisions == 1
    if review.kind is not QuestionKind.JUDGE or not alone or not review.is_open:
        return None

    def read(tx: Transaction) -> Reach | None:
        execution = tx.executions.get(review.execution_id)
        try:
            plan = tx.manifests.plan(execution.plan_digest) if execution else None
            checkpoints = standing(tx.checkpoints.shown(review.execution_id))
        except Unreadable:
            return None
        return None if plan is None else reach(plan, committed_outputs(checkpoints), review.path)

    return ports.store.read(read)

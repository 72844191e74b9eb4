"""What the transitions of task runs and deliveries do to their fields."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from orchestrator.domain.delivery import Delivery, DeliveryState
from orchestrator.domain.task_run import TaskRun, TaskRunState

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = AT + timedelta(minutes=1)
RUN = TaskRun(
    "t-1", "k-1", "newsroom", 0, "write", 1, TaskRunState.DUE, 1, AT, AT, AT, wake_at=LATER
)
DELIVERY = Delivery(
    "d-1", "k-1", "newsroom", "e-1", "task", 1, DeliveryState.PENDING, 1, b"{}", AT, AT, AT, LATER
)


def test_each_claim_counts_and_is_an_attempt() -> None:
    claimed = RUN.claim("w-1", AT, LATER).try_again(AT, "it broke").claim("w-2", LATER, LATER)

    assert (claimed.claim_no, claimed.attempts, claimed.claimed_by) == (2, 2, "w-2")
    assert claimed.started_at == AT


def test_a_claim_that_is_given_back_is_no_attempt_but_still_a_claim() -> None:
    given_back = RUN.claim("w-1", AT, LATER).give_back(LATER)

    assert (given_back.claim_no, given_back.attempts, given_back.claimed_by) == (1, 0, None)
    assert given_back.state is TaskRunState.DUE


def test_a_run_that_is_due_again_is_published_when_it_is() -> None:
    again = RUN.claim("w-1", AT, LATER).try_again(LATER, "it broke")

    assert (again.due_at, again.wake_at, again.publishes) == (LATER, LATER, 0)
    assert again.error == "it broke"


def test_a_run_under_review_holds_no_lease() -> None:
    asked = RUN.claim("w-1", AT, LATER).ask("o-1", {"total_tokens": 3}, 0.5)

    assert (asked.lease_until, asked.output_id, asked.is_open) == (None, "o-1", True)


def test_a_committed_run_is_over() -> None:
    committed = RUN.claim("w-1", AT, LATER).commit(LATER, "o-1")

    assert (committed.is_open, committed.finished_at) == (False, LATER)


def test_a_run_whose_step_cost_nothing_and_that_has_all_its_attempts_needs_no_write() -> None:
    claimed = RUN.claim("w-1", AT, LATER)

    assert claimed.advanced().paid({}) is claimed
    assert replace(claimed, attempts=2).advanced().attempts == 1


def test_what_steps_have_paid_since_the_claim_is_not_paid_again_at_the_end() -> None:
    claimed = replace(RUN.claim("w-1", AT, LATER), usage={"total_tokens": 5})
    now = claimed.paid({"total_tokens": 30}).paid({"total_tokens": 4})

    assert now.usage == {"total_tokens": 39}
    assert now.unpaid({"total_tokens": 50}, claimed) == {"total_tokens": 16}


def test_a_delivery_that_failed_is_free_again_at_its_time() -> None:
    at = LATER + timedelta(minutes=1)
    retried = DELIVERY.retry(at, "503")

    assert (retried.state, retried.attempts, retried.claimed_by) == ("RETRYING", 1, None)
    assert (retried.due_at, retried.wake_at, retried.publishes) == (at, at, 0)
    assert retried.reason == "503"


def test_a_replay_begins_the_schedule_anew_under_the_same_id() -> None:
    replayed = DELIVERY.retry(LATER, "503").exhaust(LATER, "503").replay(LATER)

    assert (replayed.id, replayed.state, replayed.attempts) == ("d-1", "PENDING", 0)
    assert (replayed.due_at, replayed.finished_at, replayed.reason) == (LATER, None, None)

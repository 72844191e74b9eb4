"""A chain from kickoff to its end, one job at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from world import WorkerDied, World

from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.figures import Refusals
from orchestrator.domain.permission import Scope
from orchestrator.domain.task_run import TaskRunState
from orchestrator.errors import (
    LONGEST_CAUSE,
    AlreadyAnswered,
    ClaimLost,
    Invalid,
    NotPending,
    TaskFailed,
    UnknownTaskRun,
)
from orchestrator.jobs import Job
from orchestrator.usecases.deployment_settings import settings_of
from orchestrator.usecases.executions.claims import end_lapsed_claim, give_back_claims
from orchestrator.usecases.executions.snapshot import timeline
from orchestrator.usecases.executions.stop import stop
from orchestrator.usecases.reviews.answer import answer
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.wire.requests import ResumeBody

Make = Callable[..., World]
Later = Callable[[float], None]


def test_every_task_runs_once_in_order(a_world: Make) -> None:
    world = a_world("research", "write", "edit")
    execution_id = world.halted()
    assert [chain.task.name for chain in world.runner.chains] == ["research", "write", "edit"]
    assert world.snapshot(execution_id).execution.state is ExecutionState.SUCCEEDED


def test_the_timeline_tells_of_each_run_which_task_it_is_and_in_which_round(a_world: Make) -> None:
    world = a_world("write?", "edit")
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=False, words="shorter")
    world.work()
    lines = timeline(world.ports, execution_id)[1]
    told = [each for each in lines if each.event.startswith("task_run.")]
    events = ["create", "claim", "ask"]
    assert [each.event for each in told] == [
        *(f"task_run.{name}" for name in (*events, "reject", *events)),
    ]
    first, second = (run.id for run in world.snapshot(execution_id).runs)
    assert [(each.subject_id, each.task_name, each.round) for each in told] == [
        *[(first, "write", 1)] * 4,
        *[(second, "write", 2)] * 3,
    ]


def test_the_timeline_tells_of_each_review_which_task_it_is_about(a_world: Make) -> None:
    world = a_world("write?", "edit")
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=False, words="shorter")
    world.work()
    world.answer(execution_id, "write", approve=True)
    lines = timeline(world.ports, execution_id)[1]
    told = [each for each in lines if each.event.startswith("review.")]
    assert [(each.event, each.task_name, each.round) for each in told] == [
        (event, "write", round_) for round_ in (1, 2) for event in ("review.open", "review.answer")
    ]


def test_only_a_line_with_a_persons_words_is_salted(a_world: Make) -> None:
    world = a_world("write?")
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=True, words="fine")
    lines = timeline(world.ports, execution_id)[1]
    assert [each.event for each in lines if each.salt is not None] == ["review.answer"]


def test_the_last_output_is_the_result(a_world: Make) -> None:
    world = a_world("research", "write")
    result = world.snapshot(world.halted()).result
    assert result is not None
    assert result.raw == "write, round 1"


def test_a_later_task_gets_the_earlier_outputs(a_world: Make) -> None:
    world = a_world("research", "write")
    world.halted()
    assert world.runner.chains[1].outputs["research"].raw == "research, round 1"


def test_usage_is_summed_over_all_rounds(a_world: Make) -> None:
    world = a_world("write?")
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=False, words="shorter")
    world.work()
    assert world.snapshot(execution_id).usage["total_tokens"] == 30


def test_a_halt_leaves_no_job_behind(a_world: Make) -> None:
    world = a_world("write?", "edit")
    execution_id = world.halted()
    assert world.snapshot(execution_id).execution.state is ExecutionState.PENDING_HUMAN_INPUT
    assert world.jobs == []


def test_a_rejected_task_runs_again_with_its_answer_and_the_words(a_world: Make) -> None:
    world = a_world("write?")
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=False, words="shorter")
    world.work()
    (said,) = world.runner.chains[-1].previous_rounds
    assert (said.words, said.output.raw if said.output else "") == (
        "shorter",
        "write, round 1",
    )


def test_the_words_of_all_rounds_reach_every_later_task(a_world: Make) -> None:
    world = a_world("write?", "edit", "print")
    execution_id = world.halted()
    for words, approve in (("shorter", False), ("friendlier", False), ("fine", True)):
        world.answer(execution_id, "write", approve=approve, words=words)
        world.work()
    last = world.runner.chains[-1]
    assert last.task.name == "print"
    assert [answer.words for answer in last.answers] == ["shorter", "friendlier", "fine"]


def test_an_earlier_answer_reaches_only_its_own_retry(a_world: Make) -> None:
    world = a_world("write?", "edit")
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=False, words="shorter")
    world.work()
    world.answer(execution_id, "write", approve=True)
    world.work()
    assert "write, round 1" not in "".join(world.runner.chains[-1].added_context())


def test_each_round_has_a_review_of_its_own(a_world: Make) -> None:
    world = a_world("write?")
    execution_id = world.halted()
    first = world.snapshot(execution_id).pending[0].review
    world.answer(execution_id, "write", approve=False, words="shorter")
    world.work()
    second = world.snapshot(execution_id).pending[0].review
    assert (first.round, second.round) == (1, 2)
    assert first.id != second.id


def test_an_answer_to_an_old_round_is_refused_and_told_who_won(a_world: Make) -> None:
    world = a_world("write?")
    execution_id = world.halted()
    old = world.snapshot(execution_id).pending[0].review.id
    world.answer(execution_id, "write", approve=False, words="shorter")
    world.work()
    with pytest.raises(AlreadyAnswered) as refused:
        world.answer(execution_id, old, approve=True)
    assert refused.value.winner["feedback"] == "shorter"


def test_a_task_that_waits_for_nobody_cannot_be_answered(a_world: Make) -> None:
    world = a_world("write?", "edit?")
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=True)
    with pytest.raises(NotPending) as refused:
        world.answer(execution_id, "write", approve=True)
    assert refused.value.winner is not None


def test_parallel_tasks_are_asked_about_one_by_one(a_world: Make) -> None:
    world = a_world("~left?", "~right?", "join")
    execution_id = world.halted()
    assert len(world.snapshot(execution_id).pending) == 2
    world.answer(execution_id, "left", approve=True)
    assert world.snapshot(execution_id).execution.state is ExecutionState.PENDING_HUMAN_INPUT
    world.answer(execution_id, "right", approve=True)
    world.work()
    assert world.snapshot(execution_id).execution.state is ExecutionState.SUCCEEDED


def test_a_join_waits_for_every_parallel_task(a_world: Make) -> None:
    world = a_world("~left", "~right", "join")
    world.kickoff()
    world.run(world.jobs.pop(0))
    assert [chain.task.name for chain in world.runner.chains] == ["left"]
    assert [job.arguments["task_run_id"] for job in world.jobs] != []
    world.work()
    assert [chain.task.name for chain in world.runner.chains] == ["left", "right", "join"]


def test_a_job_that_comes_twice_runs_its_task_once(a_world: Make) -> None:
    world = a_world("write")
    world.kickoff()
    job = world.jobs.pop(0)
    world.run(job)
    world.run(job)
    assert len(world.runner.chains) == 1


def test_a_failed_attempt_is_tried_again_up_to_the_limit(a_world: Make, later: Later) -> None:
    world = a_world("write", max_attempts=2)
    world.runner.behaviour = RuntimeError("the model is away")
    execution_id = world.kickoff()
    job = world.jobs.pop(0)
    world.run(job)
    assert world.snapshot(execution_id).execution.state is ExecutionState.RUNNING
    later(1)
    world.run(job)
    failed = world.snapshot(execution_id).execution
    assert failed.state is ExecutionState.FAILED
    assert failed.error == "Task 'write' failed after 2 attempts: RuntimeError: the model is away"


def test_a_failure_that_would_repeat_itself_is_not_tried_again(a_world: Make) -> None:
    world = a_world("write")
    world.runner.behaviour = TaskFailed("no such tool", retryable=False)
    execution_id = world.halted()
    assert world.snapshot(execution_id).execution.state is ExecutionState.FAILED
    assert len(world.runner.chains) == 1


def test_a_worker_that_dies_costs_an_attempt_and_no_more(
    a_world: Make, later: Later, lapse: Callable[[World], None]
) -> None:
    world = a_world("write")
    execution_id = world.kickoff()
    job = world.jobs.pop(0)
    world.runner.behaviour = WorkerDied()
    with pytest.raises(WorkerDied):
        world.run(job)
    lapse(world)
    assert end_lapsed_claim(world.ports, job.arguments["task_run_id"])
    later(1)
    world.runner.behaviour = None
    world.run(job)
    (run,) = world.snapshot(execution_id).runs
    assert (run.state, run.attempts, run.claim_no) == (TaskRunState.COMMITTED, 2, 2)


def test_a_lease_that_has_not_lapsed_is_left_alone(a_world: Make) -> None:
    world = a_world("write")
    world.kickoff()
    job = world.jobs.pop(0)
    world.runner.behaviour = WorkerDied()
    with pytest.raises(WorkerDied):
        world.run(job)
    assert not end_lapsed_claim(world.ports, job.arguments["task_run_id"])


def test_a_claim_that_is_given_back_counts_as_no_attempt(a_world: Make) -> None:
    world = a_world("write")
    execution_id = world.kickoff()
    world.runner.behaviour = WorkerDied()
    with pytest.raises(WorkerDied):
        world.run(world.jobs.pop(0))
    assert give_back_claims(world.ports, "w-1") == 1
    (run,) = world.snapshot(execution_id).runs
    assert (run.state, run.attempts) == (TaskRunState.DUE, 0)
    assert len(world.jobs) == 1


def test_a_zombies_result_is_refused(
    a_world: Make, later: Later, lapse: Callable[[World], None]
) -> None:
    world = a_world("write")
    execution_id = world.kickoff()
    job = world.jobs.pop(0)

    def loses_its_claim_meanwhile() -> None:
        world.runner.behaviour = None
        lapse(world)
        end_lapsed_claim(world.ports, job.arguments["task_run_id"])
        later(1)
        world.run(job)

    world.runner.before_answering = loses_its_claim_meanwhile
    world.run(job)
    (run,) = world.snapshot(execution_id).runs
    assert (run.state, run.claim_no) == (TaskRunState.COMMITTED, 2)
    events = [entry.event for entry in timeline(world.ports, execution_id)[1]]
    assert events.count("task_run.commit") == 1


def test_a_result_is_refused_while_another_worker_holds_the_claim(
    a_world: Make, later: Later, lapse: Callable[[World], None]
) -> None:
    world = a_world("write")
    execution_id = world.kickoff()
    job = world.jobs.pop(0)

    def another_takes_it_and_is_at_it() -> None:
        lapse(world)
        end_lapsed_claim(world.ports, job.arguments["task_run_id"])
        later(1)
        world.runner.behaviour = WorkerDied()
        with pytest.raises(WorkerDied):
            world.run(job)

    world.runner.before_answering = another_takes_it_and_is_at_it
    world.run(job)
    (run,) = world.snapshot(execution_id).runs
    assert (run.state, run.claim_no) == (TaskRunState.RUNNING, 2)


def test_a_stopped_execution_takes_no_result(a_world: Make) -> None:
    world = a_world("write", "edit")
    execution_id = world.kickoff()
    world.runner.before_answering = lambda: stop(
        world.ports, Scope.of("crew"), execution_id, "tests"
    )
    world.work()
    found = world.snapshot(execution_id)
    assert found.execution.state is ExecutionState.STOPPED
    assert [run.state for run in found.runs] == [TaskRunState.WITHDRAWN]


def test_an_approved_edit_replaces_the_output(a_world: Make) -> None:
    world = a_world("write?", "edit")
    execution_id = world.halted()
    body = ResumeBody(execution_id=execution_id, task_id="write", edited_output="my own words")
    answer(world.ports, Answer("crew", body, "tests", "api"))
    world.work()
    assert world.runner.chains[-1].outputs["write"].raw == "my own words"


def test_a_deployment_taken_out_of_the_file_leaves_its_executions_waiting(a_world: Make) -> None:
    world = a_world("write?", "edit")
    execution_id = world.halted()
    world.without_deployments()
    world.answer(execution_id, "write", approve=True)
    world.work()
    assert world.snapshot(execution_id).runs[-1].state is TaskRunState.DUE


def test_changed_code_with_other_tasks_is_not_run(a_world: Make) -> None:
    world = a_world("write?", "edit")
    execution_id = world.halted()
    world.runner.the_plan = a_world("write?", "illustrate").runner.the_plan
    world.answer(execution_id, "write", approve=True)
    world.work()
    error = world.snapshot(execution_id).execution.error or ""
    assert "tasks then: write, edit; now: write, illustrate" in error


@pytest.mark.parametrize("end", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_a_task_that_leaves_instead_of_failing_has_failed_at_once(
    a_world: Make, end: BaseException
) -> None:
    world = a_world("write")
    world.runner.behaviour = end
    execution_id = world.halted()
    run = world.snapshot(execution_id).runs[0]
    assert (run.state, run.attempts) == (TaskRunState.DUE, 1)


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize("error", [Unspeakable(), ValueError("x" * 1_000)])
def test_an_error_is_told_in_bounded_words_whatever_it_says(
    a_world: Make, error: Exception
) -> None:
    world = a_world("write")
    world.runner.behaviour = error
    told = world.snapshot(world.halted()).runs[0].error
    assert told is not None
    assert len(told) <= LONGEST_CAUSE


def test_the_settings_of_a_deployment_that_left_the_file_hold_on(a_world: Make) -> None:
    world = a_world("write?", "edit?", max_rounds=1, review_timeout=timedelta(days=3))
    execution_id = world.halted()
    world.without_deployments()
    with pytest.raises(Invalid, match="allows 1 rounds"):
        world.answer(execution_id, "write", approve=False, words="again")
    world.answer(execution_id, "write", approve=True)
    settings = world.ports.store.read(lambda tx: settings_of(world.ports, tx, "crew"))
    assert (settings.max_rounds, settings.review_timeout) == (1, timedelta(days=3))


def test_a_job_that_names_a_run_of_another_execution_is_refused(
    a_world: Make,
) -> None:
    world = a_world("write")
    mine, another = world.kickoff(), world.kickoff()
    (_, theirs) = world.jobs
    forged = Job(theirs.name, theirs.queue, {**theirs.arguments, "execution_id": mine})
    with pytest.raises(UnknownTaskRun):
        world.run(forged)
    world.work()
    assert [each.execution_id for each in world.runner.chains] == [mine, another]


def test_the_result_of_a_run_that_lost_its_claim_is_counted(
    a_world: Make,
) -> None:
    world = a_world("write")
    execution_id = world.kickoff()
    world.runner.before_answering = lambda: stop(
        world.ports, Scope.of("crew"), execution_id, "tests"
    )
    world.work()
    assert world.ports.store.read(lambda tx: tx.figures.refused(Refusals.JOBS)) == {"claim_lost": 1}


def test_a_job_that_comes_to_nothing_is_logged(a_world: Make) -> None:
    world = a_world("write")
    execution_id = world.kickoff()
    (job,) = world.jobs
    world.runner.before_answering = lambda: stop(
        world.ports, Scope.of("crew"), execution_id, "tests"
    )
    with capture_logs() as lines:
        world.run(job)
        world.run(job)
    (run,) = world.snapshot(execution_id).runs
    assert lines == [
        {"event": "result refused", "log_level": "warning", "task_run_id": run.id, "claim_no": 1},
        {
            "event": "job refused",
            "log_level": "warning",
            "why": "claim_lost",
            "task_run_id": run.id,
        },
        {"event": "job found nothing to do", "log_level": "info", **job.arguments},
    ]


def test_a_run_that_learns_of_its_lost_claim_is_logged_and_leaves_all_as_it_is(
    a_world: Make,
) -> None:
    world = a_world("write")
    execution_id = world.kickoff()
    (job,) = world.jobs
    world.runner.behaviour = ClaimLost()
    with capture_logs() as lines:
        world.run(job)
    assert lines == [{"event": "claim lost", "log_level": "warning", **job.arguments}]
    (run,) = world.snapshot(execution_id).runs
    assert (run.state, run.attempts) == (TaskRunState.RUNNING, 1)


@pytest.mark.parametrize(
    ("error", "reason", "is_shown"),
    [(ValueError("no ink"), "ValueError: no ink", True), (TaskFailed("no ink"), "no ink", False)],
)
def test_a_failed_attempt_is_logged_with_the_stack_of_what_is_not_ours(
    a_world: Make, error: Exception, reason: str, *, is_shown: bool
) -> None:
    world = a_world("write")
    world.runner.behaviour = error
    execution_id = world.kickoff()
    with capture_logs() as lines:
        world.work()
    assert lines == [
        {
            "event": "attempt failed",
            "log_level": "warning",
            "execution_id": execution_id,
            "task": "write",
            "attempt": 1,
            "reason": reason,
            "exc_info": error if is_shown else None,
        }
    ]


def test_the_failure_of_a_run_that_lost_its_claim_changes_nothing(a_world: Make) -> None:
    world = a_world("write")
    execution_id = world.kickoff()

    def is_stopped_and_fails() -> None:
        stop(world.ports, Scope.of("crew"), execution_id, "tests")
        raise ValueError("no ink")

    world.runner.before_answering = is_stopped_and_fails
    with capture_logs() as lines:
        world.work()
    (run,) = world.snapshot(execution_id).runs
    assert (run.state, run.error) == (TaskRunState.WITHDRAWN, None)
    assert lines[-1] == {
        "event": "failure ignored: claim was lost",
        "log_level": "info",
        "task_run_id": run.id,
        "claim_no": 1,
    }

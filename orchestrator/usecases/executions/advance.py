"""Advance an execution: what follows a task's end, whether committed, under review or failed.

Called by every use case that can move an execution on: a task ran, a person answered, a lease
lapsed. It works on the caller's LockedExecution, inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from orchestrator.domain import retry
from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.checkpoint import Cause
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan, TaskKind
from orchestrator.domain.review import Review
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.domain.usage import added_up
from orchestrator.domain.webhooks import WebhookKind
from orchestrator.usecases.executions.history import committed_outputs
from orchestrator.usecases.executions.locked_execution import LockedExecution
from orchestrator.usecases.executions.publishing import job_of, room_for
from orchestrator.usecases.webhooks.stream_events import emit_ended
from orchestrator.wire import webhooks as webhook_bodies


def begin_due_tasks(locked: LockedExecution, plan: Plan, *, resumes: bool = False) -> None:
    """Write a task run for every task that may start now, and have its job published.

    A task whose run was withdrawn or failed starts in the same round again. Where every task is
    committed instead, the execution has succeeded.
    """
    asked = locked.tx.task_runs.defer_uncommitted(locked.execution.id)
    committed = committed_outputs(locked.checkpoints)
    if plan.is_whole(committed):
        _succeed(locked, plan, committed)
        return
    runs = asked()
    started = {run.path for run in runs if run.is_open}
    for name in plan.due(started, committed):
        begin_round(locked, name, next_round(runs, name), resumes=resumes)


def last_round(runs: Iterable[TaskRun], path: str) -> int:
    """The newest round of a task; 0 before its first."""
    return max((run.round for run in runs if run.path == path), default=0)


def next_round(runs: Iterable[TaskRun], path: str) -> int:
    """The round in which a task that is due runs: the newest, unless that came to its end."""
    of_task = [run for run in runs if run.path == path]
    newest = last_round(of_task, path)
    is_over = any(run.round == newest and run.state in _ENDS_ROUND for run in of_task)
    return max(1, newest + is_over)


_ENDS_ROUND = (TaskRunState.REJECTED, TaskRunState.SUPERSEDED, TaskRunState.HALTED)


def go_on(locked: LockedExecution, path: str) -> None:
    """A person answered what a task asked in its middle: have it go on, unless it still runs.

    One that still runs sees at its end that there is an answer which it does not know. One that is
    paused goes on in the same round, so that it comes back to the calls that it had made.
    """
    runs = [run for run in locked.tx.task_runs.of(locked.execution.id) if run.path == path]
    paused = next((run for run in runs if run.state is TaskRunState.UNDER_REVIEW), None)
    if paused is not None:
        wake(locked, paused)
    elif not any(run.is_open for run in runs):
        begin_round(locked, path, last_round(runs, path) + 1, resumes=True)


def wake(locked: LockedExecution, run: TaskRun) -> None:
    """Have a run go on that a call of a tool has halted, and its job published."""
    settled = locked.save_run("settle", run, run.settle(locked.now))
    locked.tx.publish(job_of(locked.ports, locked.tx, settled, is_flow=locked.is_flow))


def begin_round(
    locked: LockedExecution, path: str, round_: int, *, resumes: bool, name: str | None = None
) -> TaskRun:
    """Write the task run of a task's round, and have its job published.

    One that ``resumes`` waits for its turn where enough of the deployment are published.
    """
    ports, tx, deployment = locked.ports, locked.tx, locked.execution.deployment
    held = resumes and not room_for(ports, tx, deployment)
    run = _new_run(locked, path, round_, resumes=resumes, name=name, held=held)
    locked.tx.task_runs.add([run])
    return run


def first_runs(locked: LockedExecution, plan: Plan, *, held: bool) -> list[TaskRun]:
    """The task runs that a new execution begins with, yet to be written, their jobs published.

    Unless they are ``held``: then they wait for their turn.
    """
    return [_new_run(locked, path, 1, resumes=False, held=held) for path in plan.due((), ())]


def _new_run(
    locked: LockedExecution,
    path: str,
    round_: int,
    *,
    resumes: bool,
    name: str | None = None,
    held: bool,
) -> TaskRun:
    run = TaskRun(
        id=locked.ports.ids.new(),
        execution_id=locked.execution.id,
        deployment=locked.execution.deployment,
        path=path,
        task_name=name or path,
        round=round_,
        state=TaskRunState.DUE,
        version=1,
        created_at=locked.now,
        due_at=locked.now,
        published_at=locked.now,
        wake_at=retry.publish_again_at(locked.now, 1),
        publishes=0 if held else 1,
        held=held,
        resumes=resumes,
        trace=_trace(locked, resumes=resumes),
    )
    locked.record("task_run.create", run.id, run)
    if not held:
        locked.tx.publish(job_of(locked.ports, locked.tx, run, is_flow=locked.is_flow))
    return run


def _trace(locked: LockedExecution, *, resumes: bool) -> JsonObject | None:
    """The span that causes a run, and for the first after an answer the trace before the halt."""
    cause = locked.ports.trace(locked.execution.id)
    if cause is None:
        return None
    runs = locked.tx.task_runs.of(locked.execution.id) if resumes else ()
    before = [run.trace["traceparent"] for run in runs if run.trace]
    return {"traceparent": cause, **({"before": before[-1]} if before else {})}


def commit_task(
    locked: LockedExecution,
    plan: Plan,
    run: TaskRun,
    output_id: str,
    output: Output,
    metered: TaskRun | None = None,
) -> TaskRun:
    """A task's output is final: checkpoint it and tell the task webhook.

    ``metered`` is the run with what it cost, where that has not been written yet.
    """
    saved = locked.save_run("commit", run, (metered or run).commit(locked.now, output_id))
    seconds = saved.execution_time
    locked.checkpoint(
        Cause.COMMIT, run.path, name=run.task_name, output_id=output_id, seconds=seconds
    )
    if plan.task(run.path).kind is TaskKind.TASK:
        body = webhook_bodies.task_body(run.path, run.task_name, output, seconds)
        locked.announce(WebhookKind.TASK, body)
    return saved


def carry_on_unless_asked(locked: LockedExecution, reviews: Iterable[Review]) -> None:
    """Leave Pending Human Input once no review of the execution is open any more."""
    if locked.execution.state is not ExecutionState.PENDING_HUMAN_INPUT:
        return
    if not any(review.is_open for review in reviews):
        locked.transition("carry_on", locked.execution.carry_on())


def fail_execution(locked: LockedExecution, error: str) -> None:
    """The execution cannot go on: withdraw what is open, and tell the crew webhook why."""
    locked.transition("fail", locked.execution.fail(locked.now, error), error=error)
    announce_end(locked, None, withdraw_open(locked))


def withdraw_reviews(locked: LockedExecution) -> None:
    """A task has ended: whatever it still had people asked about, nobody waits for any more."""
    if not locked.plan.is_flow:
        return
    _withdraw_open_reviews(locked)
    carry_on_unless_asked(locked, ())


def withdraw_open(locked: LockedExecution) -> tuple[TaskRun, ...]:
    """Withdraw every open task run and review of an execution that ended without them.

    Returns all of its task runs as they were.
    """
    runs = locked.tx.task_runs.of(locked.execution.id)
    for run in runs:
        if run.is_open:
            locked.save_run("withdraw", run, run.withdraw(locked.now))
    _withdraw_open_reviews(locked)
    return runs


def _withdraw_open_reviews(locked: LockedExecution) -> None:
    for review in locked.reviews:
        if review.is_open:
            locked.withdraw_review(review)


def _succeed(locked: LockedExecution, plan: Plan, committed: Mapping[str, str]) -> None:
    runs = locked.tx.task_runs.defer_of(locked.execution.id)
    result, output = _result(locked, [committed[name] for name in _results(plan)])
    locked.transition("succeed", locked.execution.succeed(locked.now, result))
    announce_end(locked, output, runs())


def _result(locked: LockedExecution, output_ids: Sequence[str]) -> tuple[str, Output]:
    """The last of the outputs that has a text, and its id; where none has, the last."""

    def read(output_id: str) -> Output:
        return locked.tx.outputs.committed(locked.execution.id, [output_id])[output_id]

    has_text = (output_id for output_id in reversed(output_ids) if read(output_id).raw)
    result = next(has_text, output_ids[-1])
    return result, read(result)


def _results(plan: Plan) -> list[str]:
    """Whose outputs can be the result: the crew's tasks, its last callbacks, a flow."""
    kinds = (TaskKind.TASK, TaskKind.AFTER_KICKOFF, TaskKind.FLOW)
    return [task.name for task in plan.tasks if task.kind in kinds]


def announce_end(locked: LockedExecution, result: Output | None, runs: Iterable[TaskRun]) -> None:
    """Tell the crew webhook that the execution ended, well or not, and what its runs cost."""
    usage = token_usage(runs)
    locked.announce(WebhookKind.CREW, webhook_bodies.crew_body(locked.execution, result, usage))
    emit_ended(locked, result, usage)


def token_usage(runs: Iterable[TaskRun]) -> JsonObject:
    """Sum what all accepted runs of an execution cost, every round included."""
    none: JsonObject = {"total_tokens": 0, "prompt_tokens": 0, "completion_tokens": 0}
    return added_up([none, *(run.usage for run in runs)])

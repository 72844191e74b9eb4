"""Advance an execution: what follows a task's end, whether committed, under review or failed.

Shared by the verbs that lead here (a task ran, a person answered, a lease lapsed …). Everything
happens in the transaction of the locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator import jobs
from orchestrator.domain import retry
from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan, TaskKind
from orchestrator.domain.review import Review, ReviewState
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.domain.webhooks import WebhookKind
from orchestrator.ports import Ports
from orchestrator.usecases.deployment_settings import settings_of
from orchestrator.usecases.executions.locked_execution import LockedExecution
from orchestrator.usecases.webhooks.stream_events import tell_ended
from orchestrator.wire import webhooks as webhook_bodies


def begin_due_tasks(locked: LockedExecution, plan: Plan, *, resumes: bool = False) -> None:
    """Write a task run for every task that may start now, and have its job published.

    A task whose run was withdrawn or failed starts in the same round again. Where every task is
    committed instead, the execution has succeeded.
    """
    committed = locked.committed
    if len(committed) == len(plan.tasks):
        _succeed(locked, plan, committed)
        return
    runs = locked.tx.task_runs.of(locked.execution.id)
    started = {run.task_index for run in runs if _counts(run)}
    rounds: dict[int, int] = {}
    for run in runs:
        rounds[run.task_index] = max(run.round, rounds.get(run.task_index, 1))
    for index in plan.due(started, committed):
        begin_round(locked, plan, index, rounds.get(index, 1), resumes=resumes)


def _counts(run: TaskRun) -> bool:
    return run.is_open or run.state is TaskRunState.COMMITTED


def begin_round(
    locked: LockedExecution, plan: Plan, index: int, round_: int, *, resumes: bool
) -> TaskRun:
    """Write the task run of a task's round, and have its job published."""
    run = TaskRun(
        id=locked.ports.ids.new(),
        execution_id=locked.execution.id,
        deployment=locked.execution.deployment,
        task_index=index,
        task_name=plan.tasks[index].name,
        round=round_,
        state=TaskRunState.DUE,
        version=1,
        created_at=locked.now,
        due_at=locked.now,
        published_at=locked.now,
        wake_at=retry.publish_again_at(locked.now, 1),
        resumes=resumes,
        trace=_trace(locked, resumes=resumes),
    )
    locked.tx.task_runs.add([run])
    locked.record("task_run.create", run.id, run)
    locked.tx.publish(job_of(locked.ports, run))
    return run


def _trace(locked: LockedExecution, *, resumes: bool) -> JsonObject | None:
    """The span that causes a run, and for the first after an answer the trace before the halt."""
    cause = locked.ports.trace(locked.execution.id)
    if cause is None:
        return None
    runs = locked.tx.task_runs.of(locked.execution.id) if resumes else ()
    before = [run.trace["traceparent"] for run in runs if run.trace]
    return {"traceparent": cause, **({"before": before[-1]} if before else {})}


def job_of(ports: Ports, run: TaskRun) -> jobs.Job:
    """The job that a task run waits for."""
    return jobs.run_task(
        run.execution_id,
        run.id,
        resumes=run.resumes,
        time_limit=settings_of(ports, run.deployment).task_time_limit.total_seconds(),
        labels={"deployment": run.deployment, "task": run.task_name, "round": str(run.round)},
        trace={name: str(value) for name, value in (run.trace or {}).items()},
    )


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
    locked.checkpoint("commit", committed={run.task_index: output_id})
    if plan.tasks[run.task_index].kind is TaskKind.TASK:
        locked.announce(WebhookKind.TASK, webhook_bodies.task_body(saved, output))
    return saved


def ask_person(locked: LockedExecution, run: TaskRun, output_id: str, output: Output) -> Review:
    """A task's output is put before a person: checkpoint, review, notice, and the halt."""
    timeout = settings_of(locked.ports, run.deployment).review_timeout
    review = Review(
        id=locked.ports.ids.new(),
        execution_id=run.execution_id,
        deployment=run.deployment,
        task_run_id=run.id,
        task_index=run.task_index,
        task_name=run.task_name,
        round=run.round,
        state=ReviewState.PENDING,
        version=1,
        output_id=output_id,
        output_digest=output.digest,
        created_at=locked.now,
        expires_at=locked.now + timeout if timeout else None,
    )
    locked.tx.reviews.add(review)
    locked.record("review.open", review.id, review)
    locked.checkpoint("halt")
    if locked.execution.state is ExecutionState.RUNNING:
        locked.turn("halt", locked.execution.halt())
    locked.announce(
        WebhookKind.HUMAN_INPUT,
        webhook_bodies.human_input_body(review, output, locked.ports.public_url),
    )
    return review


def carry_on_unless_asked(locked: LockedExecution, reviews: Iterable[Review]) -> None:
    """Leave Pending Human Input once no review of the execution is open any more."""
    if locked.execution.state is not ExecutionState.PENDING_HUMAN_INPUT:
        return
    if not any(review.is_open for review in reviews):
        locked.turn("carry_on", locked.execution.carry_on())


def fail_execution(locked: LockedExecution, error: str) -> None:
    """The execution cannot go on: withdraw what is open, and tell the crew webhook why."""
    locked.turn("fail", locked.execution.fail(locked.now, error), error=error)
    withdraw_open(locked)
    tell_end(locked, None)


def withdraw_open(locked: LockedExecution) -> None:
    """Withdraw every open task run and review of an execution that ended without them."""
    for run in locked.tx.task_runs.of(locked.execution.id):
        if run.is_open:
            locked.save_run("withdraw", run, run.withdraw(locked.now))
    for review in locked.tx.reviews.of(locked.execution.id):
        if review.is_open:
            locked.save_review("withdraw", review, review.withdraw(locked.now, locked.actor))


def _succeed(locked: LockedExecution, plan: Plan, committed: Mapping[int, str]) -> None:
    outputs = locked.tx.outputs.get([committed[index] for index in _results(plan)])
    ordered = [committed[index] for index in _results(plan)]
    result = next((id_ for id_ in reversed(ordered) if outputs[id_].raw), ordered[-1])
    locked.turn("succeed", locked.execution.succeed(locked.now, result))
    tell_end(locked, outputs[result])


def _results(plan: Plan) -> list[int]:
    """Which tasks' outputs can be the crew's: its own tasks' and what callbacks made of them."""
    kinds = (TaskKind.TASK, TaskKind.AFTER_KICKOFF)
    return [index for index, task in enumerate(plan.tasks) if task.kind in kinds]


def tell_end(locked: LockedExecution, result: Output | None) -> None:
    """Tell the crew webhook that the execution ended, well or not."""
    usage = token_usage(locked.tx.task_runs.of(locked.execution.id))
    locked.announce(WebhookKind.CREW, webhook_bodies.crew_body(locked.execution, result, usage))
    tell_ended(locked, result, usage)


def token_usage(runs: Iterable[TaskRun]) -> JsonObject:
    """Sum what all accepted runs of an execution cost, every round included."""
    total: dict[str, int] = {"total_tokens": 0, "prompt_tokens": 0, "completion_tokens": 0}
    for run in runs:
        for name, count in (run.usage or {}).items():
            if isinstance(count, int):
                total[name] = total.get(name, 0) + count
    return total

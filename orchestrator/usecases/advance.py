"""Advance an execution: what follows a task's end, whether committed, under review or failed.

Shared by the verbs that lead here (a task ran, a person answered, a lease lapsed …). Everything
happens in the transaction of the case.
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
from orchestrator.usecases import events
from orchestrator.usecases.case import Case
from orchestrator.usecases.declared import settings_of
from orchestrator.usecases.tell_events import tell_ended


def begin_due_tasks(case: Case, plan: Plan, *, resumes: bool = False) -> None:
    """Write a task run for every task that may start now, and have its job published.

    A task whose run was withdrawn or failed starts in the same round again. Where every task is
    committed instead, the execution has succeeded.
    """
    committed = case.committed
    if len(committed) == len(plan.tasks):
        _succeed(case, plan, committed)
        return
    runs = case.tx.task_runs.of(case.execution.id)
    started = {run.task_index for run in runs if _counts(run)}
    rounds = {run.task_index: run.round for run in runs}
    for index in plan.due(started, committed):
        begin_round(case, plan, index, rounds.get(index, 1), resumes=resumes)


def _counts(run: TaskRun) -> bool:
    return run.is_open or run.state is TaskRunState.COMMITTED


def begin_round(case: Case, plan: Plan, index: int, round_: int, *, resumes: bool) -> TaskRun:
    """Write the task run of a task's round, and have its job published."""
    run = TaskRun(
        id=case.ports.ids.new(),
        execution_id=case.execution.id,
        deployment=case.execution.deployment,
        task_index=index,
        task_name=plan.tasks[index].name,
        round=round_,
        state=TaskRunState.DUE,
        version=1,
        created_at=case.now,
        due_at=case.now,
        published_at=case.now,
        wake_at=retry.publish_again_at(case.now, 1),
        resumes=resumes,
        trace=_trace(case, resumes=resumes),
    )
    case.tx.task_runs.add([run])
    case.record("task_run.create", run.id, run)
    case.tx.publish(job_of(case.ports, run))
    return run


def _trace(case: Case, *, resumes: bool) -> JsonObject | None:
    """The span that causes a run, and for the first after an answer the trace before the halt."""
    cause = case.ports.trace(case.execution.id)
    if cause is None:
        return None
    runs = case.tx.task_runs.of(case.execution.id) if resumes else ()
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
    case: Case,
    plan: Plan,
    run: TaskRun,
    output_id: str,
    output: Output,
    metered: TaskRun | None = None,
) -> TaskRun:
    """A task's output is final: checkpoint it and tell the task webhook.

    ``metered`` is the run with what it cost, where that has not been written yet.
    """
    saved = case.save_run("commit", run, (metered or run).commit(case.now, output_id))
    case.checkpoint("commit", committed={run.task_index: output_id})
    if plan.tasks[run.task_index].kind is TaskKind.TASK:
        case.announce(WebhookKind.TASK, events.task_body(saved, output))
    return saved


def ask_person(case: Case, run: TaskRun, output_id: str, output: Output) -> Review:
    """A task's output is put before a person: checkpoint, review, notice, and the halt."""
    timeout = settings_of(case.ports, run.deployment).review_timeout
    review = Review(
        id=case.ports.ids.new(),
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
        created_at=case.now,
        expires_at=case.now + timeout if timeout else None,
    )
    case.tx.reviews.add(review)
    case.record("review.open", review.id, review)
    case.checkpoint("halt")
    if case.execution.state is ExecutionState.RUNNING:
        case.turn("halt", case.execution.halt())
    case.announce(
        WebhookKind.HUMAN_INPUT, events.human_input_body(review, output, case.ports.public_url)
    )
    return review


def carry_on_unless_asked(case: Case, reviews: Iterable[Review]) -> None:
    """Leave Pending Human Input once no review of the execution is open any more."""
    if case.execution.state is not ExecutionState.PENDING_HUMAN_INPUT:
        return
    if not any(review.is_open for review in reviews):
        case.turn("carry_on", case.execution.carry_on())


def fail_execution(case: Case, error: str) -> None:
    """The execution cannot go on: withdraw what is open, and tell the crew webhook why."""
    case.turn("fail", case.execution.fail(case.now, error), error=error)
    withdraw_open(case)
    tell_end(case, None)


def withdraw_open(case: Case) -> None:
    """Withdraw every open task run and review of an execution that ended without them."""
    for run in case.tx.task_runs.of(case.execution.id):
        if run.is_open:
            case.save_run("withdraw", run, run.withdraw(case.now))
    for review in case.tx.reviews.of(case.execution.id):
        if review.is_open:
            case.save_review("withdraw", review, review.withdraw(case.now, case.actor))


def _succeed(case: Case, plan: Plan, committed: Mapping[int, str]) -> None:
    outputs = case.tx.outputs.get([committed[index] for index in _results(plan)])
    ordered = [committed[index] for index in _results(plan)]
    result = next((id_ for id_ in reversed(ordered) if outputs[id_].raw), ordered[-1])
    case.turn("succeed", case.execution.succeed(case.now, result))
    tell_end(case, outputs[result])


def _results(plan: Plan) -> list[int]:
    """Which tasks' outputs can be the crew's: its own tasks' and what callbacks made of them."""
    kinds = (TaskKind.TASK, TaskKind.AFTER_KICKOFF)
    return [index for index, task in enumerate(plan.tasks) if task.kind in kinds]


def tell_end(case: Case, result: Output | None) -> None:
    """Tell the crew webhook that the execution ended, well or not."""
    usage = token_usage(case.tx.task_runs.of(case.execution.id))
    case.announce(WebhookKind.CREW, events.crew_body(case.execution, result, usage))
    tell_ended(case, result, usage)


def token_usage(runs: Iterable[TaskRun]) -> JsonObject:
    """Sum what all accepted runs of an execution cost, every round included."""
    total: dict[str, int] = {"total_tokens": 0, "prompt_tokens": 0, "completion_tokens": 0}
    for run in runs:
        for name, count in (run.usage or {}).items():
            if isinstance(count, int):
                total[name] = total.get(name, 0) + count
    return total

"""Find what is wrong with a running service, and say how to mend it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.jobs import CREWS, QUEUES
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.operations.health import SEEN_WITHIN
from orchestrator.usecases.operations.manifests import Described, described

CLOCKS_MAY_DIFFER_BY = timedelta(seconds=5)
"""Only signatures of webhooks carry a machine's own time; receivers refuse what is minutes off."""

WAITS_TOO_LONG = timedelta(seconds=30)
"""A task run that is due for longer found no worker."""

SHOWN = 5
"""How many troubled task runs are named."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, in one line. ``mend`` says what to do where something is wrong."""

    check: str
    says: str
    mend: str | None = None

    @property
    def is_wrong(self) -> bool:
        """Whether there is something to mend."""
        return self.mend is not None


def examine(ports: Ports) -> tuple[Finding, ...]:
    """Check what the database knows: clocks, workers, deployments, what waits and what fails."""
    checks = (_clock, _workers, _backlog, _trouble, _failures, _tokens)

    def read(tx: Transaction) -> tuple[Finding, ...]:
        return tuple(finding for check in checks for finding in check(ports, tx))

    return (*ports.store.read(read), *map(_deployment, described(ports)))


def _clock(ports: Ports, tx: Transaction) -> Iterator[Finding]:
    skew = ports.clock.now() - tx.now()
    seconds = abs(skew.total_seconds())
    if abs(skew) <= CLOCKS_MAY_DIFFER_BY:
        yield Finding("clock", f"within {seconds:.1f} s of the database's")
        return
    side = "ahead of" if skew > timedelta() else "behind"
    mend = "Keep both machines' clocks by NTP: receivers refuse signatures that are minutes off"
    yield Finding("clock", f"this machine is {seconds:.0f} s {side} the database", mend)


def _workers(_: Ports, tx: Transaction) -> Iterator[Finding]:
    for queue in QUEUES:
        workers = tx.workers.consuming(queue, SEEN_WITHIN)
        if workers:
            yield Finding("workers", f"{queue}: {', '.join(workers)}")
            continue
        mend = f"Start one: celery -A workers.app worker -Q {queue}"
        yield Finding("workers", f"nobody consumes the queue {queue}", mend)


def _backlog(_: Ports, tx: Transaction) -> Iterator[Finding]:
    now = tx.now()
    for waiting in tx.figures.due_task_runs(now):
        seconds = (now - waiting.since).total_seconds()
        says = f"{waiting.count} task runs of {waiting.deployment} wait, one since {seconds:.0f} s"
        late = now - waiting.since > WAITS_TOO_LONG
        mend = f"Start more workers on the queue {CREWS}, and see that `orchestrator sweep` runs"
        yield Finding("backlog", says, mend if late else None)


def _trouble(_: Ports, tx: Transaction) -> Iterator[Finding]:
    for run in tx.figures.troubled(SHOWN):
        mend = f"Mend the cause, then watch: orchestrator timeline {run.execution_id}"
        yield Finding("attempts", _failing(run), mend)


def _failing(run: TaskRun) -> str:
    error = " ".join((run.error or "").split())
    failed = run.attempts - (run.state is TaskRunState.RUNNING)
    return f"{run.deployment}/{run.task_name} failed {failed} times, last: {error[:200]}"


def _failures(_: Ports, tx: Transaction) -> Iterator[Finding]:
    """Not wrong by themselves: a failed execution stays one, also when its cause is mended."""
    for found in tx.figures.executions():
        if found.state is ExecutionState.FAILED:
            where = f"orchestrator executions list --state FAILED --deployment {found.deployment}"
            yield Finding("executions", f"{found.count} of {found.deployment} failed: {where}")


def _tokens(_: Ports, tx: Transaction) -> Iterator[Finding]:
    alive = Counter(token.deployment or "all" for token in tx.tokens.all() if not token.revoked_at)
    if alive:
        yield Finding("tokens", ", ".join(f"{count} for {name}" for name, count in alive.items()))
        return
    yield Finding("tokens", "nobody has a token", "Make one: orchestrator token create")


def _deployment(found: Described) -> Finding:
    if found.manifest is None:
        mend = f"Start a worker with the same deployment file on the queue {CREWS}"
        return Finding("deployments", f"{found.name}: no worker has loaded it yet", mend)
    if found.manifest.plan is None:
        mend = "Mend its code or its entry in the deployment file, then restart the crew workers"
        return Finding("deployments", f"{found.name}: {found.manifest.error}", mend)
    return Finding("deployments", f"{found.name}: {len(found.manifest.plan.names)} tasks")

"""Find what is wrong with a running service, and say how to mend it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from orchestrator.domain import retry
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.figures import OpenExecutions
from orchestrator.domain.policy_faults import faults_against
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.errors import Unreadable, WrittenByNewer
from orchestrator.jobs import MAIL, NOT_FOR_CREWS
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.deployment_settings import settings_of
from orchestrator.usecases.operations.doctor_mails import mails
from orchestrator.usecases.operations.finding import (
    MOST_COUNTED,
    REFUSED_LATELY,
    WAITS_TOO_LONG,
    Finding,
)
from orchestrator.usecases.operations.manifests import Described, described
from orchestrator.usecases.operations.secret_key import LOOKED_AT, MEND, cannot_be_decrypted

CLOCKS_MAY_DIFFER_BY = timedelta(seconds=5)
"""Only signatures of webhooks carry a machine's own time; receivers refuse what is minutes off."""

NO_SWEEP_AFTER = timedelta(seconds=15)
"""A sweep writes its heartbeat every three seconds."""

MOST_ENDPOINTS = 500
"""How many of the endpoints are looked at, the newest."""

SHOWN = 5
"""How many troubled task runs are named."""


def examine(ports: Ports) -> tuple[Finding, ...]:
    """Check what the database knows: clocks, workers, deployments, what waits and what fails."""
    checks = (
        _clock,
        _clocks_of_workers,
        _workers,
        _sweep,
        _lost,
        _unassigned,
        _webhooks,
        _stored,
        _backlog,
        _messages,
        mails,
        _trouble,
        _failures,
        _tokens,
        _secret_key,
    )

    def read(tx: Transaction) -> tuple[Finding, ...]:
        return tuple(finding for check in checks for finding in check(ports, tx))

    return (
        *ports.store.read(read),
        *(finding for each in described(ports) for finding in _deployment(ports, each)),
    )


def _clock(ports: Ports, tx: Transaction) -> Iterator[Finding]:
    skew = ports.clock.now() - tx.now()
    seconds = abs(skew.total_seconds())
    if abs(skew) <= CLOCKS_MAY_DIFFER_BY:
        yield Finding("clock", f"within {seconds:.1f} s of the database's")
        return
    side = "ahead of" if skew > timedelta() else "behind"
    mend = "Keep both machines' clocks by NTP: receivers refuse signatures that are minutes off"
    yield Finding("clock", f"this machine is {seconds:.0f} s {side} the database", mend)


def _clocks_of_workers(_: Ports, tx: Transaction) -> Iterator[Finding]:
    for name, ahead in tx.workers.clocks(retry.SHOWN_WITHIN).items():
        if abs(ahead) > CLOCKS_MAY_DIFFER_BY:
            side = "ahead of" if ahead > timedelta() else "behind"
            says = f"{name} is {abs(ahead).total_seconds():.0f} s {side} the database"
            yield Finding("clock", says, "Keep the clock of its machine by NTP")


def _workers(ports: Ports, tx: Transaction) -> Iterator[Finding]:
    unused = set() if ports.mail else {MAIL}
    for queue in (*ports.deployments.queues(), *sorted(NOT_FOR_CREWS - unused)):
        workers = tx.workers.consuming(queue, retry.SHOWN_WITHIN)
        if workers:
            yield Finding("workers", f"{queue}: {', '.join(workers)}")
            continue
        mend = f"Start one: celery -A workers.app worker -Q {queue}"
        yield Finding("workers", f"nobody consumes the queue {queue}", mend)


def _sweep(_: Ports, tx: Transaction) -> Iterator[Finding]:
    last = tx.sweeps.last_beat()
    if last is None or tx.now() - last > NO_SWEEP_AFTER:
        since = f"since {last.isoformat(timespec='seconds')}" if last else "yet"
        mend = "Start one: orchestrator sweep"
        yield Finding(
            "sweep", f"none has run {since}: nothing that is due or lost is seen to", mend
        )
    for failing in tx.sweeps.failing_steps():
        since = failing.since.isoformat(timespec="seconds")
        says = f"its step {failing.step!r} fails since {since}: {failing.error}"
        yield Finding("sweep", says, "Read the log of `orchestrator sweep`, and mend the cause")


def _lost(_: Ports, tx: Transaction) -> Iterator[Finding]:
    """Rows that a sweep would have seen to, had it been able to."""
    mend = "See that `orchestrator sweep` runs, and read its log"
    late = tx.now() - WAITS_TOO_LONG
    lapsed = len(tx.task_runs.lapsed(MOST_COUNTED))
    if lapsed:
        yield Finding("stuck", f"{_at_most(lapsed)} claims have lapsed and were not ended", mend)
    overdue = len(tx.reviews.overdue(late, MOST_COUNTED))
    if overdue:
        yield Finding("stuck", f"{_at_most(overdue)} reviews are past their deadline", mend)


def _at_most(count: int) -> str:
    return f"{count} or more" if count == MOST_COUNTED else str(count)


def _unassigned(_: Ports, tx: Transaction) -> Iterator[Finding]:
    found = tx.reviews.unassigned(MOST_COUNTED)
    if found:
        mend = (
            f"Have somebody asked: orchestrator reviews reassign {found[0]} ADDRESS; or name a "
            "'creator' in the deployment file, then: orchestrator reviews reroute"
        )
        yield Finding("reviews", f"nobody is asked in {_at_most(len(found))} open reviews", mend)


def _webhooks(_: Ports, tx: Transaction) -> Iterator[Finding]:
    now = tx.now()
    found = tx.figures.endpoints(MOST_ENDPOINTS)
    for endpoint in [each for each in found if not each.is_enabled][:SHOWN]:
        says = f"{endpoint.id} of {endpoint.deployment} is disabled: nothing is sent there"
        mend = f"Mend the receiver, then: orchestrator endpoints enable {endpoint.id}"
        yield Finding("endpoints", says, mend)
    due = tx.figures.oldest_due_delivery(now)
    if due is not None and now - due > WAITS_TOO_LONG:
        says = f"one is due since {(now - due).total_seconds():.0f} s"
        # A receiver that is left in peace for a while explains it.
        is_explained = any(each.quiet_until and each.quiet_until > now for each in found)
        mend = "See that webhook workers and `orchestrator sweep` run: orchestrator endpoints list"
        yield Finding("webhooks", says, None if is_explained else mend)


def _messages(_: Ports, tx: Transaction) -> Iterator[Finding]:
    """What producers sent; a refused message is its producer's to mend."""
    now = tx.now()
    for waiting in tx.intake.backlog():
        seconds = (now - waiting.since).total_seconds()
        says = f"{waiting.count} messages wait for {waiting.deployment}, one since {seconds:.0f} s"
        late = now - waiting.since > WAITS_TOO_LONG
        mend = (
            f"Start a crew worker whose deployment file has {waiting.deployment}; where one runs, "
            "see why: orchestrator messages --state WAITING"
        )
        yield Finding("messages", says, mend if late else None)
    refused = tx.intake.refused(now - REFUSED_LATELY)
    if refused:
        where = "orchestrator messages --state REFUSED"
        yield Finding("messages", f"{refused} refused within a day: {where}")


def _stored(_: Ports, tx: Transaction) -> Iterator[Finding]:
    """What open executions are made of can be read by this version."""
    for found, reason in _unreadable(tx):
        says = (
            f"{found.count} executions of {found.deployment} cannot go on, "
            f"{found.execution_id} is one: {reason}"
        )
        mend = "Restore it from a backup, or stop them: orchestrator stop ID"
        newer = isinstance(reason, WrittenByNewer)
        yield Finding("stored", says, "Upgrade the crew workers" if newer else mend)


def _unreadable(tx: Transaction) -> Iterator[tuple[OpenExecutions, Unreadable]]:
    for digest in tx.figures.plans_begun_with():
        reason = _plan_trouble(tx, digest)
        if reason is not None:
            yield from ((found, reason) for found in tx.figures.open_with_plan(digest))
    for found in tx.figures.open_with_foreign_checkpoint():
        try:
            tx.checkpoints.of(found.execution_id)
        except Unreadable as error:
            yield found, error


def _plan_trouble(tx: Transaction, digest: str) -> Unreadable | None:
    try:
        plan = tx.manifests.plan(digest)
    except Unreadable as error:
        return error
    return None if plan else Unreadable(f"the plan {digest} is gone")


def _backlog(ports: Ports, tx: Transaction) -> Iterator[Finding]:
    now = tx.now()
    found = tx.figures.due_task_runs(now)
    is_any_late = any(now - waiting.since > WAITS_TOO_LONG for waiting in found)
    stuck = _stuck(tx) if is_any_late else Counter[str]()
    for waiting in found:
        seconds = (now - waiting.since).total_seconds()
        says = f"{waiting.count} task runs of {waiting.deployment} wait, one since {seconds:.0f} s"
        is_long = now - waiting.since > WAITS_TOO_LONG
        late = is_long and waiting.count > stuck[waiting.deployment]
        settings = settings_of(ports, tx, waiting.deployment)
        most = settings.max_running
        if most is not None and tx.task_runs.running(waiting.deployment) >= most:
            yield Finding("backlog", f"{says}: max_running = {most} are at work")
        else:
            mend = (
                f"Start more workers on the queue {settings.queue}, "
                "and see that `orchestrator sweep` runs"
            )
            yield Finding("backlog", says, mend if late else None)


def _stuck(tx: Transaction) -> Counter[str]:
    """How many open executions of each deployment no worker can carry on."""
    stuck = Counter[str]()
    for found, _ in _unreadable(tx):
        stuck[found.deployment] += found.count
    return stuck


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


def _secret_key(_: Ports, tx: Transaction) -> Iterator[Finding]:
    for place, count in tx.secrets.keys_in_use(LOOKED_AT).items():
        yield Finding("secret key", *_key_in_use(place, count))


def _key_in_use(place: int | None, count: int) -> tuple[str, str | None]:
    """What to say of a key by its place among those of the operator, and how to mend it."""
    if place is None:
        return f"{cannot_be_decrypted(count)}: what needs them waits", MEND
    key = f"key {place + 1} of ORCHESTRATOR_SECRET_KEY"
    encrypted = f"encrypted {count} of the rows that were looked at"
    if place == 0:
        return f"{key}, the newest, {encrypted}", None
    droppable = "`orchestrator secrets reencrypt` makes it one that can be dropped"
    return f"{key} {encrypted}; {droppable}", None


def _deployment(ports: Ports, found: Described) -> Iterator[Finding]:
    declared = ports.deployments.get(found.name)
    if found.manifest is None:
        mend = f"Start a worker with the same deployment file on the queue {declared.queue}"
        yield Finding("deployments", f"{found.name}: no worker has loaded it yet", mend)
        return
    plan = found.manifest.plan
    if plan is None:
        mend = "Mend its code or its entry in the deployment file, then restart the crew workers"
        yield Finding("deployments", f"{found.name}: {found.manifest.error}", mend)
        return
    yield Finding("deployments", f"{found.name}: {len(plan.names)} tasks")
    for fault in faults_against(plan, declared.review_policy):
        mend = "Mend the deployment's `reviews` in the deployment file, then restart all processes"
        yield Finding("reviews", f"{found.name}: {fault}", mend)

"""What happens around the jobs: a worker starts, a child dies, a worker shuts down."""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import os
import re
import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import structlog
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import signals
from celery.apps import worker as program
from celery.concurrency.prefork import TaskPool as PreforkPool

from orchestrator.adapters.deployment_file import RunnerKind, load_deployments
from orchestrator.adapters.logs import configure_logging
from orchestrator.adapters.runners.crewai.environment import prepare_environment
from orchestrator.adapters.schema_lock import await_migration
from orchestrator.adapters.system import give_back_large_memory
from orchestrator.errors import OrchestratorError, cause
from orchestrator.ports import Ports
from orchestrator.settings import Settings
from orchestrator.usecases.executions.claims import end_claims_of_lost_child, give_back_claims
from orchestrator.wiring import make_ports
from workers.lease_keeper import GOODBYE
from workers.process import Identity, current

log = structlog.get_logger()

_HOW_IT_ENDED = re.compile(r"exited prematurely: (.+) Job:")
"""In what Celery says of a lost child: ``signal 9 (SIGKILL)`` or ``exitcode 1``."""


_IDS = ("execution_id", "task_run_id", "endpoint_id")
"""The arguments of jobs that log lines carry."""


def connect(settings: Settings) -> None:
    """Have Celery's signals lead here."""
    give_back_large_memory()
    current.settings = settings
    signals.setup_logging.connect(_configure_logging, weak=False)
    signals.celeryd_after_setup.connect(_name_the_worker, weak=False)
    signals.worker_process_init.connect(_begin_child, weak=False)
    signals.worker_ready.connect(_begin_without_children, weak=False)
    signals.worker_ready.connect(_note_pool_size, weak=False)
    signals.task_prerun.connect(_bind_ids, weak=False)
    signals.task_postrun.connect(_unbind_ids, weak=False)
    signals.task_failure.connect(_end_claim_of_lost_child, weak=False)


def _configure_logging(**_: Any) -> None:
    """Celery asks for this instead of setting up logging of its own."""
    if current.settings is not None:
        configure_logging(current.settings)


def _name_the_worker(sender: str, instance: Any, **_: Any) -> None:
    """Before any fork: an identity that the children share, and the slow import that they need."""
    queues = tuple(sorted(instance.app.amqp.queues.consume_from))
    current.identity = Identity(f"{sender}#{uuid.uuid4().hex[:8]}", queues)
    # Not the signal worker_shutdown: Celery does not send it when a grace runs out (cold shutdown).
    atexit.register(_give_back)
    program.safe_say = _say_to_whoever_reads
    if current.settings and _runs_crewai(current.settings, queues):
        prepare_environment(current.settings.data / "crewai")
        importlib.import_module("crewai")  # 4 to 7 s: once here, not again in each child


def _say_to_whoever_reads(*said: Any, safe_say: Callable[..., None] = program.safe_say) -> None:
    """What Celery says in its signal handlers, which must not fail where nobody reads any more.

    So it is with ``… | tee`` and Ctrl-C: the worker took that for a lost broker, and went on.
    """
    with suppress(OSError):
        safe_say(*said)


def _runs_crewai(settings: Settings, queues: Collection[str]) -> bool:
    """Whether a deployment on these queues needs CrewAI, and it is installed.

    If it is not, the children say so.
    """
    file = load_deployments(settings.deployments)
    declared = map(file.get, file.names())
    runners = {deployment.runner for deployment in declared if deployment.queue in queues}
    return (
        bool({RunnerKind.CREWAI, RunnerKind.FLOW} & runners)
        and importlib.util.find_spec("crewai") is not None
    )


def _begin_child(**_: Any) -> None:
    """A child has been forked: it shares nothing with its parent that could be in use."""
    if current.settings is not None:
        await_migration(current.settings.data)
    current.forget()
    current.get()


def _begin_without_children(sender: Any, **_: Any) -> None:
    """Pools of threads have no children that begin; prefork's parent must not begin anything."""
    if not isinstance(sender.pool, PreforkPool):
        current.get()


def _note_pool_size(sender: Any, **_: Any) -> None:
    """Celery 5.6 asks the pool for its size once more after a cold shutdown has let go of it."""
    sender.controller.max_concurrency = sender.pool.num_processes


def _bind_ids(kwargs: Mapping[str, Any] | None = None, **_: Any) -> None:
    """Have each log line of a job say what it is about, those of users' code too."""
    ids = {name: value for name, value in (kwargs or {}).items() if name in _IDS}
    structlog.contextvars.bind_contextvars(**ids)


def _unbind_ids(**_: Any) -> None:
    structlog.contextvars.unbind_contextvars(*_IDS)


def _end_claim_of_lost_child(
    exception: BaseException, kwargs: Mapping[str, Any] | None, **_: Any
) -> None:
    """In the parent: a child died or was killed at its time limit, and held a claim."""
    if not isinstance(exception, (WorkerLostError, TimeLimitExceeded)):
        return
    task_run_id = (kwargs or {}).get("task_run_id")
    if task_run_id is None or current.identity is None:
        return
    name = current.identity.name
    with parents_ports() as ports:
        ended = end_claims_of_lost_child(ports, name, task_run_id, _what_ended(exception))
    log.warning("child lost", task_run_id=task_run_id, claim_ended=ended, reason=str(exception))


def _what_ended(exception: BaseException) -> str:
    if isinstance(exception, TimeLimitExceeded):
        return "The task ran over its time limit, and went on when it was told to end"
    how = _HOW_IT_ENDED.search(str(exception))
    return f"The worker process died: {how[1]}" if how else "The worker process died"


def _give_back() -> None:
    """The worker has ended, its children never come here: what it still holds goes to others."""
    if current.identity is None:
        return
    name = current.identity.name
    try:
        with parents_ports() as ports:
            given_back = give_back_claims(ports, name)
            ports.store.transact(lambda tx: tx.workers.gone(name))
    except OrchestratorError as error:
        log.warning("worker shut down, its claims have to lapse", error=cause(error))
    else:
        log.info("worker shut down", claims_given_back=given_back)


def leave_soon() -> None:
    """End this process, whatever its threads do: a receiver may keep them for half a minute.

    What they have claimed lapses, and is sent again.
    """

    def leave() -> None:
        try:
            _give_back()
        finally:
            os._exit(os.EX_OK)

    timer = threading.Timer(GOODBYE, leave)
    timer.daemon = True
    timer.start()


@contextmanager
def parents_ports() -> Iterator[Ports]:
    """Ports of the parent's own, closed at once: no connection of theirs is open at a fork."""
    if current.settings is None:
        raise RuntimeError("the worker has not been set up")
    ports = make_ports(current.settings)
    try:
        yield ports
    finally:
        ports.store.dispose()

"""Jobs over Celery: the application that producers and workers share, and the publisher."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from celery import Celery
from kombu import Connection, Queue
from kombu.exceptions import KombuError

from orchestrator import jobs
from orchestrator.adapters.celery.redis_transport import LONGEST_WAIT, use_cheap_transport
from orchestrator.jobs import Job

SECONDS_TO_ASK = 5.0
"""How long a look at the broker may take to connect."""


BROKER_PATIENCE = 0.75
"""Seconds that a broker may take to accept a job: a frozen one must not hold up who publishes."""

SILENCE = LONGEST_WAIT + 2.0
"""Seconds that a broker may take to answer a worker, which waits for jobs while it ends."""

MOST_CONNECTIONS = 64
"""Threads of one process that publish at a time: none waits for another one's connection."""


def make_celery(
    broker_url: str,
    queues: Iterable[str] = (),
    *,
    shutdown_grace: float = 10.0,
    patience: float | None = None,
) -> Celery:
    """Make the Celery application for this broker.

    JSON only, no result backend (the database has the results), acknowledged as a job starts (the
    lease protects the work), one job in hand for each process: none waits behind a long one.

    ``queues`` are those that a worker may consume beside our own. ``shutdown_grace`` and
    ``patience`` are in seconds; a broker that answers later than that counts as away (None: what
    workers need, whose reads wait for jobs).
    """
    use_cheap_transport()
    app = Celery("crew-orchestrator", broker=broker_url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=False,
        task_default_exchange="",
        task_queues=[_queue(name) for name in dict.fromkeys((*jobs.QUEUES, *queues))],
        task_default_queue=jobs.CREWS,
        task_create_missing_queues=False,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=broker_url.startswith("redis"),
        worker_proc_alive_timeout=120.0,
        worker_soft_shutdown_timeout=shutdown_grace,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # A Redis that was demoted, or has no memory left, is one to wait for as well.
        broker_channel_error_retry=broker_url.startswith("redis"),
        broker_transport_options=_transport_options(broker_url, patience),
        broker_connection_timeout=patience or SECONDS_TO_ASK,
        broker_pool_limit=MOST_CONNECTIONS,
        # Redis' own client connects again by itself; a second try would be a second wait.
        task_publish_retry=not broker_url.startswith("redis"),
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0},
    )
    return app


@cache
def _queue(name: str) -> Queue:
    """A queue of the default exchange: bindings to any other do not survive FLUSHALL."""
    return Queue(name, routing_key=name)


def _transport_options(broker_url: str, patience: float | None) -> dict[str, Any]:
    if not broker_url.startswith("redis"):
        return {} if patience is None else {"read_timeout": patience, "write_timeout": patience}
    return {
        "socket_connect_timeout": patience or SECONDS_TO_ASK,
        "socket_timeout": patience or SILENCE,
        "socket_keepalive": True,
        "health_check_interval": 30,
    }


def queue_lengths(app: Celery) -> dict[str, int]:
    """How many messages wait in each queue that the application knows.

    Raises OSError or KombuError when the broker cannot be reached.
    """
    with _asking(app.connection_for_read()) as connection:
        return {queue: _length(connection, queue) for queue in app.amqp.queues}


def write_something(app: Celery) -> None:
    """See that the broker takes writes: a replica, or one whose memory is full, answers as well.

    Nothing is left there. Raises OSError or KombuError where it takes none.
    """
    with _asking(app.connection_for_write()) as connection:
        client = getattr(connection.default_channel, "client", None)
        if client is None:  # RabbitMQ, which drops what is for a queue that nobody declared
            with connection.Producer() as producer:
                producer.publish({}, routing_key="orchestrator.doctor", timeout=SECONDS_TO_ASK)
            return
        try:
            client.set("orchestrator.doctor", "writes", ex=10)
        except connection.channel_errors as error:
            raise OSError(str(error)) from error


def dropping_policy(app: Celery) -> str | None:
    """By which policy Redis drops queues when its memory is full; None where it does not.

    None, too, where it does not say, and for another broker. Raises OSError or KombuError when it
    cannot be reached.
    """
    with _asking(app.connection_for_read()) as connection:
        client = getattr(connection.default_channel, "client", None)
        if client is None:
            return None
        try:
            memory = client.info("memory")
        except connection.channel_errors:  # not allowed
            return None
    policy = str(memory.get("maxmemory_policy"))  # volatile-… leave alone what does not expire
    return policy if memory.get("maxmemory") and policy.startswith("allkeys-") else None


@contextmanager
def _asking(connection: Connection) -> Iterator[Connection]:
    """A connection to ask by; what breaks on it comes as OSError or KombuError."""
    with connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=SECONDS_TO_ASK)
        try:
            yield connection
        except OSError:
            raise
        except connection.connection_errors as error:  # redis has its own
            raise OSError(str(error)) from error


def _length(connection: Connection, queue: str) -> int:
    """Ask on a channel of its own: a broker closes it where it has no such queue yet."""
    try:
        with connection.channel() as channel:
            return int(channel.queue_declare(queue=queue, passive=True).message_count)
    except connection.channel_errors:
        return 0


class CeleryJobs:
    """Publishes jobs by name, to queues by name: that survives a flushed broker.

    ``grace`` are the seconds that a job has left, once it is told that its time is up, before it is
    killed.
    """

    def __init__(self, app: Celery, grace: float = 30.0) -> None:
        self._app = app
        self._grace = grace

    def publish(self, job: Job) -> None:
        """Send one job. Raises OSError when the broker cannot be reached."""
        options: dict[str, Any] = {}
        if job.time_limit is not None:
            options["soft_time_limit"] = job.time_limit
            options["time_limit"] = job.time_limit + self._grace
        arguments = dict(job.arguments)
        try:
            self._app.send_task(
                job.name,
                kwargs={"v": jobs.FORMAT, **arguments},
                queue=_queue(job.queue),
                kwargsrepr=repr({**job.labels, **arguments}),  # lists cut off the end
                argsrepr="()",
                ignore_result=True,
                headers={"trace": dict(job.trace)} if job.trace else None,
                **options,
            )
        except KombuError as error:
            raise ConnectionError(str(error)) from error

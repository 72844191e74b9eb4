"""``/metrics`` for Prometheus, computed from the database when it is asked for.

It needs a token of all deployments (``authorization: {credentials: …}`` of the scrape), unless
ORCHESTRATOR_METRICS_PUBLIC opens it. Loopback alone would be no protection: behind a proxy of the
same machine everybody comes from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Depends, Request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import Response

from orchestrator.api.common.access import Secret, World
from orchestrator.api.common.openapi import documented_as
from orchestrator.domain.figures import DURATION_BUCKETS, TaskFigures
from orchestrator.errors import Unauthorized
from orchestrator.usecases.access.tokens import live_token
from orchestrator.usecases.operations.delivery_metrics import DeliveryMetrics
from orchestrator.usecases.operations.metrics import Backlog, MailMetrics, Metrics, metrics

PREFIX = "crew_orchestrator_"

exposition = APIRouter(tags=["probes"])


def _may_read(request: Request, ports: World, secret: Secret) -> None:
    if not request.app.state.metrics_public and not live_token(ports, secret).rights.everywhere:
        raise Unauthorized


@exposition.get(
    "/metrics",
    dependencies=[Depends(_may_read)],
    response_class=Response,
    responses=documented_as("text/plain"),
    summary="Figures for Prometheus",
)
def expose(ports: World) -> Response:
    """Everything, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Collector(metrics(ports)))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


class _Collector:
    """Hands one reading to the library."""

    def __init__(self, reading: Metrics) -> None:
        self._reading = reading

    def collect(self) -> Iterator[Metric]:
        """Every metric with its samples."""
        reading = self._reading
        states = {(name, state.value): count for (name, state), count in reading.executions.items()}
        yield _gauge("executions", "Executions by state", ("deployment", "state"), states)
        yield from _backlog("reviews_pending", "Reviews that wait for a person", reading.reviews)
        yield from _backlog("task_runs_due", "Task runs that wait for a worker", reading.due)
        waiting = "Messages that wait for their deployment"
        yield from _backlog("messages_waiting", waiting, reading.messages)
        refused = {(): float(reading.refused_messages)}
        yield _gauge("messages_refused_5m", "Messages refused in the last 5 minutes", (), refused)
        yield _refused("jobs_refused", "Jobs that were refused", reading.refused_jobs)
        failing = {(step,): seconds for step, seconds in reading.failing_steps.items()}
        help_ = "For how long a step of the sweep fails"
        yield _gauge("sweep_step_failing_seconds", help_, ("step",), failing)
        yield _durations(reading.tasks)
        yield _retries(reading.tasks)
        workers = {(queue,): count for queue, count in reading.workers.items()}
        yield _gauge("workers", "Workers seen lately", ("queue",), workers)
        yield from _deliveries(reading.deliveries)
        yield from _mails(reading.mails)


def _gauge(name: str, help_: str, labels: Sequence[str], samples: Mapping[Any, float]) -> Metric:
    """A gauge; the keys of ``samples`` are the values of its labels."""
    family = GaugeMetricFamily(PREFIX + name, help_, labels=labels)
    for values, value in samples.items():
        family.add_metric(values, value)
    return family


def _refused(name: str, help_: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(PREFIX + name, help_, labels=("why",))
    for why, count in counts.items():
        family.add_metric((why,), count)
    return family


def _mails(found: MailMetrics) -> Iterator[Metric]:
    unread = {(): float(found.unread.count)}
    yield _gauge("mails_unread", "Mails that came in and wait to be read", (), unread)
    oldest = {(): found.unread.oldest_seconds}
    yield _gauge("mails_unread_oldest_seconds", "How long the oldest of these waits", (), oldest)
    yield _refused("mails_refused", "Mails that came in and decided nothing", found.refused)
    mailboxes = {(name,): seconds for name, seconds in found.mailboxes.items()}
    help_ = "How long ago a mailbox was read last"
    yield _gauge("mailbox_last_read_seconds", help_, ("mailbox",), mailboxes)


def _backlog(name: str, help_: str, found: Mapping[str, Backlog]) -> Iterator[Metric]:
    by = ("deployment",)
    counts = {(deployment,): float(backlog.count) for deployment, backlog in found.items()}
    ages = {(deployment,): backlog.oldest_seconds for deployment, backlog in found.items()}
    yield _gauge(name, help_, by, counts)
    yield _gauge(f"{name}_oldest_seconds", f"{help_}: for how long the oldest has", by, ages)


def _durations(tasks: Iterable[TaskFigures]) -> Metric:
    family = HistogramMetricFamily(
        f"{PREFIX}task_duration_seconds",
        "How long the accepted runs of a task took",
        labels=("deployment", "task"),
    )
    for task in tasks:
        bounds = [str(bound) for bound in DURATION_BUCKETS]
        buckets = [*zip(bounds, task.buckets, strict=True), ("+Inf", task.runs)]
        family.add_metric((task.deployment, task.task), buckets, task.seconds)
    return family


def _retries(tasks: Iterable[TaskFigures]) -> Metric:
    help_ = "Attempts of task runs beyond the first"
    family = CounterMetricFamily(f"{PREFIX}task_retries", help_, labels=("deployment", "task"))
    for task in tasks:
        family.add_metric((task.deployment, task.task), task.retries)
    return family


def _deliveries(found: DeliveryMetrics) -> Iterator[Metric]:
    counts = {(name, state.value): float(count) for (name, state), count in found.counts.items()}
    yield _gauge("deliveries", "Webhooks by state", ("deployment", "state"), counts)
    oldest = {(): found.oldest_due_seconds}
    yield _gauge(
        "deliveries_oldest_due_seconds", "How long the oldest due webhook waits", (), oldest
    )
    tries = {(outcome,): float(count) for outcome, count in found.recent.outcomes.items()}
    yield _gauge("delivery_tries_5m", "Tries of the last 5 minutes", ("outcome",), tries)
    failing = {
        (each.deployment, each.endpoint_id): each.failing_seconds for each in found.endpoints
    }
    by = ("deployment", "endpoint")
    yield _gauge("endpoint_failing_seconds", "For how long an endpoint only fails", by, failing)
    waiting = {(each.deployment, each.endpoint_id): float(each.waiting) for each in found.endpoints}
    yield _gauge("endpoint_deliveries_waiting", "Webhooks that wait for an endpoint", by, waiting)

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from replies import reply, take_all, takes_replies

from orchestrator.api import create_app
from orchestrator.cli.mail_processes import noting
from orchestrator.usecases.access.tokens import create_token
from orchestrator.usecases.intake.take_mail import store_mail

if TYPE_CHECKING:
    from conftest import Service


def read(service: Service, name: str, **labels: str) -> float:
    """The value of one sample."""
    text = service.get("/metrics").text
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    (found,) = [s for s in samples if s.name == f"crew_orchestrator_{name}" and s.labels == labels]
    return float(found.value)


def test_executions_are_counted_by_state(service: Service) -> None:
    service.halted()
    article = {"deployment": "article"}
    assert read(service, "executions", **article, state="PENDING_HUMAN_INPUT") == 1
    assert read(service, "executions", **article, state="FAILED") == 0


def test_reviews_that_wait_have_an_age(service: Service) -> None:
    service.halted()
    assert read(service, "reviews_pending", deployment="article") == 1
    assert read(service, "reviews_pending_oldest_seconds", deployment="article") > 0


def test_the_lag_of_the_queue_is_that_of_what_is_due(service: Service) -> None:
    assert read(service, "task_runs_due", deployment="article") == 0
    service.start()
    assert read(service, "task_runs_due", deployment="article") == 1
    assert read(service, "task_runs_due_oldest_seconds", deployment="article") > 0


def test_tasks_have_durations(service: Service) -> None:
    service.halted()
    task = {"deployment": "article", "task": "research"}
    assert read(service, "task_duration_seconds_count", **task) == 1
    assert read(service, "task_duration_seconds_bucket", **task, le="1.0") == 1


def test_retries_are_counted(service: Service) -> None:
    service.halted("doomed")
    assert read(service, "task_retries_total", deployment="doomed", task="give_up") == 0


def test_workers_are_counted_by_queue(service: Service) -> None:
    assert read(service, "workers", queue="crews") == 1
    assert read(service, "workers", queue="intake") == 0


def test_webhooks_are_counted_by_state(service: Service) -> None:
    service.halted(humanInputWebhook={"url": "https://93.184.215.14/hook"})
    assert read(service, "deliveries", deployment="article", state="PENDING") == 1


def test_mails_that_came_in_are_counted(service: Service) -> None:
    takes_replies(service)
    assert read(service, "mails_refused_total", why="not_asked") == 0
    store_mail(service.ports, reply("ok"))
    assert read(service, "mails_unread") == 1
    assert read(service, "mails_unread_oldest_seconds") > 0
    take_all(service)
    assert read(service, "mails_unread") == read(service, "mails_unread_oldest_seconds") == 0
    assert read(service, "mails_refused_total", why="not_asked") == 1


def test_a_mailbox_that_cannot_be_read_has_not_been_for_ever(service: Service) -> None:
    name = "answers at imap.example, INBOX"
    noting(service.ports, name)("no route to host")
    assert read(service, "mailbox_last_read_seconds", mailbox=name) == inf
    noting(service.ports, name)(None)
    assert read(service, "mailbox_last_read_seconds", mailbox=name) < inf


@pytest.mark.parametrize("limited", [True, False])
def test_it_needs_a_token_of_all_deployments(service: Service, *, limited: bool) -> None:
    _, secret = create_token(service.ports, "t", "article" if limited else None)
    assert service.get("/metrics", secret).status_code == (401 if limited else 200)
    assert service.client.get("/metrics").status_code == 401


def test_it_may_be_opened(service: Service) -> None:
    app = create_app(service.ports, max_request_bytes=1, metrics_public=True)
    assert TestClient(app).get("/metrics").status_code == 200

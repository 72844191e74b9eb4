"""What remains of a kickoff's webhooks after a resume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Service

HOOK = "https://93.184.215.14/hook"
"""A public address, so that nothing has to be resolved; nothing is sent in these tests."""
THREE = {"taskWebhookUrl": HOOK, "stepWebhookUrl": HOOK, "crewWebhookUrl": HOOK}
APPROVE: dict[str, Any] = {"task_id": "write", "is_approve": True}


def kinds(service: Service, execution_id: str) -> set[str]:
    """The kinds of webhooks that the execution still tells somebody."""
    execution = service.ports.store.read(lambda tx: tx.executions.get(execution_id))
    assert execution
    return set(execution.subscriptions.to_json())


def test_a_resume_drops_what_it_does_not_name_and_warns(service: Service) -> None:
    execution_id = service.halted(**THREE, humanInputWebhookUrl=HOOK)

    warnings = service.resume(execution_id, **APPROVE).json()["warnings"]

    assert [warning.split()[1] for warning in warnings] == ["task", "step", "crew"]
    assert kinds(service, execution_id) == {"human_input"}


def test_a_resume_keeps_what_it_names(service: Service) -> None:
    execution_id = service.halted(**THREE)
    answer = service.resume(execution_id, **APPROVE, **THREE)
    assert "warnings" not in answer.json()
    assert kinds(service, execution_id) == {"task", "step", "crew"}


@pytest.mark.parametrize("key", ["carryWebhooks", "carry_webhooks"])
def test_a_kickoff_may_have_them_carried_over(service: Service, key: str) -> None:
    execution_id = service.halted(**THREE, **{key: True})
    assert "warnings" not in service.resume(execution_id, **APPROVE).json()
    assert kinds(service, execution_id) == {"task", "step", "crew"}


def test_a_resume_may_have_them_carried_over(service: Service) -> None:
    execution_id = service.halted(**THREE)
    assert "warnings" not in service.resume(execution_id, carryWebhooks=True, **APPROVE).json()


def test_the_stream_stays(service: Service) -> None:
    execution_id = service.halted(webhooks={"events": ["a"], "url": HOOK})
    service.resume(execution_id, **APPROVE)
    assert kinds(service, execution_id) == {"stream"}


def test_a_reviewed_tasks_webhook_goes_where_the_approval_says(service: Service) -> None:
    execution_id = service.halted(taskWebhookUrl=HOOK)
    service.resume(execution_id, **APPROVE, taskWebhookUrl=f"{HOOK}/2")

    deliveries = service.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
    first, second = (delivery.endpoint_id for delivery in deliveries)
    assert first != second


def test_a_webhook_that_cannot_be_used_leaves_the_review_open(service: Service) -> None:
    execution_id = service.halted()
    answer = service.resume(execution_id, **APPROVE, taskWebhookUrl="http://127.0.0.1/")
    assert answer.status_code == 422
    assert service.pending(execution_id)

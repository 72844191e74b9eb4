"""Seeing deliveries, and sending them again: one, those that a filter means, those that failed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from post import MoodyReceiver, Post

from orchestrator.domain.delivery import DeliveryState
from orchestrator.domain.permission import Scope
from orchestrator.errors import Invalid, UnknownDelivery, UnknownEndpoint
from orchestrator.ports import DeliveryFilter, Position
from orchestrator.usecases.operations.audit import newest_entries
from orchestrator.usecases.webhooks import deliveries
from orchestrator.usecases.webhooks.deliveries import (
    failed_at,
    list_deliveries,
    read_delivery,
    replay_deliveries,
    replay_failed,
)
from orchestrator.usecases.webhooks.endpoints import disable_endpoint

STRANGERS = Scope.of("sport")


def test_deliveries_are_listed_newest_first_page_by_page(post: Post) -> None:
    for _ in range(3):
        post.commit("http://127.0.0.1:9/")
        post.clock.turn(seconds=1)
    first = list_deliveries(post.ports, DeliveryFilter(), None, 2)
    last = Position(first[-1].created_at, first[-1].id)
    rest = list_deliveries(post.ports, DeliveryFilter(), last, 2)
    arrived = DeliveryFilter(state=DeliveryState.DELIVERED)

    assert (*first, *rest) == post.all()
    assert len(first) == 2
    assert list_deliveries(post.ports, arrived, None, 2) == ()


def test_a_delivery_is_read_with_its_tries_by_whoever_may_see_it(post: Post) -> None:
    with MoodyReceiver(503) as receiver:
        (sent,) = post.commit(receiver.url)
        post.work()

    assert read_delivery(post.ports, sent) == (post.get(sent), post.attempts(sent))
    assert len(post.attempts(sent)) == 1
    with pytest.raises(UnknownDelivery):
        read_delivery(post.ports, sent, STRANGERS)


def test_what_failed_at_an_endpoint_is_counted_and_sent_again(post: Post) -> None:
    post.commit("nonsense", 3)
    post.commit("http://10.0.0.1/")
    post.work()
    endpoint_id = post.endpoint("nonsense").id
    report, failed = failed_at(post.ports, endpoint_id)

    assert (report.endpoint.url, failed) == ("nonsense", 3)
    assert replay_failed(post.ports, endpoint_id, "cli:alice") == 3
    assert post.states() == {"PENDING": 3, "BLOCKED": 1}


def test_one_press_of_a_button_sends_no_more_again_than_somebody_waits_for(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "REPLAYED_AT_A_TIME", 2)
    monkeypatch.setattr(deliveries, "REPLAYED_AT_ONCE", 3)
    monkeypatch.setattr(deliveries, "MOST_COUNTED", 4)
    post.commit("nonsense", 5)
    post.work()
    endpoint_id = post.endpoint("nonsense").id

    assert failed_at(post.ports, endpoint_id)[1] == 4
    assert replay_failed(post.ports, endpoint_id, "cli:alice") == 3


def test_nothing_is_sent_again_to_an_endpoint_that_is_disabled(post: Post) -> None:
    post.commit("nonsense")
    post.work()
    endpoint_id = post.endpoint("nonsense").id
    disable_endpoint(post.ports, endpoint_id, "cli:alice")

    with pytest.raises(Invalid) as refused:
        replay_failed(post.ports, endpoint_id, "cli:alice")
    assert refused.value.message == (
        "It is disabled: what is sent there would be cancelled. Enable it first."
    )


def test_what_failed_at_another_deployments_endpoint_is_not_told(post: Post) -> None:
    post.commit("nonsense")
    endpoint_id = post.endpoint("nonsense").id

    with pytest.raises(UnknownEndpoint):
        failed_at(post.ports, endpoint_id, STRANGERS)
    with pytest.raises(UnknownEndpoint):
        replay_failed(post.ports, endpoint_id, "cli:alice", STRANGERS)


def test_who_sent_deliveries_again_stands_in_the_audit_log_and_in_their_timelines(
    post: Post,
) -> None:
    sent = post.commit("nonsense", 2)
    post.work()
    replay_deliveries(post.ports, DeliveryFilter(), "cli:alice")

    (noted,) = newest_entries(post.ports, 100)
    assert (noted.actor, noted.event, noted.deployment, noted.details) == (
        ("cli:alice", "endpoint.replay", "news", {"deliveries": 2})
    )
    told = post.ports.store.read(lambda tx: tx.timeline.of(post.get(sent[0]).execution_id))[-2:]
    assert [(each.actor, each.event, each.details) for each in told] == [
        ("cli:alice", "delivery.replay", {"kind": "task"})
    ] * 2
    assert [each.subject_id for each in told] == sent
    assert {each.endpoint_id for each in told} == {post.endpoint("nonsense").id}


@dataclass
class Hasty:
    """A store of a post office whose workers have sent all before whoever commits goes on."""

    post: Post

    def transact(self, work: Any) -> Any:
        made = self.post.ports.store.transact(work)
        self.post.work()
        return made


def test_what_fails_again_meanwhile_is_not_sent_a_third_time(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "REPLAYED_AT_A_TIME", 2)
    post.commit("nonsense", 5)
    post.work()
    hasty: Any = Hasty(post)

    ports = replace(post.ports, store=hasty)
    assert replay_deliveries(ports, DeliveryFilter(), "cli:alice", most=10) == 5

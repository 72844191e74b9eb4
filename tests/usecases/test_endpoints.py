"""Seeing to endpoints and deliveries, against real receivers."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta

import pytest
from post import DEFAULT_SECRET, START, MoodyReceiver, Post
from standardwebhooks import Webhook, WebhookVerificationError
from structlog.testing import capture_logs

from orchestrator.domain.canonical import encode
from orchestrator.domain.delivery import DeliveryState
from orchestrator.domain.permission import Scope
from orchestrator.errors import NotReplayable, UnknownDelivery, UnknownEndpoint
from orchestrator.ports import DeliveryFilter, Position
from orchestrator.usecases.operations.audit import newest_entries
from orchestrator.usecases.operations.delivery_metrics import delivery_metrics
from orchestrator.usecases.webhooks.deliveries import replay_deliveries, replay_delivery, shown_body
from orchestrator.usecases.webhooks.endpoints import (
    EndpointSettings,
    disable_endpoint,
    enable_endpoint,
    list_endpoints,
    ping_endpoint,
    read_endpoint,
    rotate_deployment_secret,
    rotate_endpoint_secret,
    set_up_endpoint,
)


def verifies(secret: str, receiver: MoodyReceiver) -> bool:
    """Whether the newest request verifies with a secret, by the standard's own package."""
    headers, body = receiver.received[-1]
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


@pytest.fixture
def today(post: Post) -> Post:
    """The post office at the real time: verifiers look at it."""
    post.clock.at = datetime.now(UTC)
    return post


def test_a_new_secret_is_of_the_standards_form(post: Post) -> None:
    secret = rotate_deployment_secret(post.ports, "news", "cli:alice").secret

    assert len(b64decode(secret.removeprefix("whsec_"), validate=True)) == 32


def test_while_a_secret_is_rotated_both_verify(today: Post) -> None:
    with MoodyReceiver() as receiver:
        today.commit(receiver.url)
        endpoint_id = today.endpoint(receiver.url).id
        old = rotate_endpoint_secret(today.ports, endpoint_id, "cli:alice").secret
        new = rotate_endpoint_secret(today.ports, endpoint_id, "cli:alice").secret
        today.work()

        assert verifies(old, receiver)
        assert verifies(new, receiver)
        assert verifies(DEFAULT_SECRET, receiver)


def test_an_endpoints_secret_signs_for_it_alone(today: Post) -> None:
    with MoodyReceiver() as receiver, MoodyReceiver() as other:
        today.commit(receiver.url)
        today.commit(other.url)
        endpoint_id = today.endpoint(receiver.url).id
        secret = rotate_endpoint_secret(today.ports, endpoint_id, "cli:alice").secret
        today.work()

        assert (verifies(secret, receiver), verifies(secret, other)) == (True, False)


def test_whoever_rotates_a_secret_is_told_until_when_the_old_one_signs(post: Post) -> None:
    rotated = rotate_deployment_secret(post.ports, "news", "cli:alice", timedelta(hours=1))

    assert rotated.old_until == START + timedelta(hours=1)


def test_an_old_secret_ends(today: Post) -> None:
    with MoodyReceiver() as receiver:
        today.commit(receiver.url)
        endpoint_id = today.endpoint(receiver.url).id
        old = rotate_endpoint_secret(today.ports, endpoint_id, "cli:alice").secret
        rotate_endpoint_secret(today.ports, endpoint_id, "cli:alice", keep_old=timedelta())
        today.work()

        assert not verifies(old, receiver)


def test_a_deployments_secret_signs_for_all_its_endpoints(today: Post) -> None:
    secret = rotate_deployment_secret(today.ports, "news", "cli:alice").secret
    with MoodyReceiver() as receiver:
        today.commit(receiver.url)
        today.work()

        assert verifies(secret, receiver)


def test_a_ping_is_signed_and_changes_nothing(today: Post) -> None:
    with MoodyReceiver(503) as receiver:
        today.commit(receiver.url)
        before = today.endpoint(receiver.url)
        result = ping_endpoint(today.ports, before.id, "cli:alice")

        assert (result.status, result.succeeded) == (503, False)
        assert verifies(DEFAULT_SECRET, receiver)
        assert today.endpoint(receiver.url) == before
    ((_, body),) = receiver.received
    assert json.loads(body) == {"type": "ping", "endpoint_id": before.id, "deployment": "news"}


def test_why_nobody_answered_a_ping_is_logged(post: Post) -> None:
    post.commit("nonsense")
    result = ping_endpoint(post.ports, post.endpoint("nonsense").id, "cli:alice")

    (entry,) = newest_entries(post.ports, 100)
    assert entry.details == {"error": result.error}


def test_a_disabled_endpoint_gets_nothing_and_an_enabled_one_does(post: Post) -> None:
    with MoodyReceiver() as receiver:
        post.commit(receiver.url, 3)
        endpoint_id = post.endpoint(receiver.url).id
        disable_endpoint(post.ports, endpoint_id, "cli:alice", "moved")
        post.work()
        assert (receiver.received, post.states()) == ([], {"CANCELLED": 3})
        assert "moved" in str(post.all()[0].reason)

        enable_endpoint(post.ports, endpoint_id, "cli:alice")
        post.commit(receiver.url)
        post.work()
        assert len(receiver.received) == 1


def test_what_is_due_again_in_an_hour_is_cancelled_at_once(any_post: Post) -> None:
    with MoodyReceiver((503, {"Retry-After": "3600"})) as receiver:
        (sent,) = any_post.commit(receiver.url)
        any_post.work()
        assert any_post.get(sent).due_at == START + timedelta(hours=1)

        disable_endpoint(any_post.ports, any_post.endpoint(receiver.url).id, "cli:alice", "moved")
        any_post.work()

    after = any_post.get(sent)
    assert (after.state, after.finished_at) == ("CANCELLED", START)


def test_disabling_twice_keeps_the_first_reason(post: Post) -> None:
    post.commit("http://127.0.0.1:9/")
    endpoint_id = post.endpoint("http://127.0.0.1:9/").id
    disable_endpoint(post.ports, endpoint_id, "cli:alice", "first")

    assert "first" in disable_endpoint(post.ports, endpoint_id, "cli:bob", "second").reason


def test_whoever_disables_an_endpoint_need_not_say_why(post: Post) -> None:
    post.commit("nonsense")
    endpoint_id = post.endpoint("nonsense").id

    assert disable_endpoint(post.ports, endpoint_id, "cli:alice").reason == "Disabled by cli:alice"


def test_who_disabled_and_enabled_an_endpoint_is_told_to_operators(post: Post) -> None:
    post.commit("nonsense")
    endpoint_id = post.endpoint("nonsense").id
    with capture_logs() as lines:
        disable_endpoint(post.ports, endpoint_id, "cli:alice", "moved")
        enable_endpoint(post.ports, endpoint_id, "cli:bob")

    told = {"endpoint_id": endpoint_id, "log_level": "info"}
    assert lines == [
        {**told, "event": "endpoint disabled", "actor": "cli:alice", "reason": "moved"},
        {**told, "event": "endpoint enabled", "actor": "cli:bob"},
    ]


def test_endpoints_are_listed_newest_first_with_how_many_deliveries_wait(post: Post) -> None:
    post.commit("nonsense")
    post.work()
    post.clock.turn(seconds=1)
    post.commit("http://127.0.0.1:9/", 2)
    (new,) = list_endpoints(post.ports, Scope.of("news"), None, 1)
    (old,) = list_endpoints(post.ports, Scope.of("news"), Position(new.created_at, new.id), 1)

    assert [(each.endpoint.url, each.waiting) for each in (new, old)] == [
        ("http://127.0.0.1:9/", 2),
        ("nonsense", 0),
    ]
    assert [read_endpoint(post.ports, each.id) for each in (new, old)] == [new, old]
    assert list_endpoints(post.ports, Scope.of("sport"), None, 1) == ()


def test_an_endpoints_settings_hold(post: Post) -> None:
    with MoodyReceiver(404) as receiver:
        (sent,) = post.commit(receiver.url)
        endpoint_id = post.endpoint(receiver.url).id
        settings = EndpointSettings(stop_on_4xx=True, most_sends=1)
        set_up_endpoint(post.ports, endpoint_id, settings, "cli:alice")
        post.work()
        assert post.endpoint(receiver.url).most_sends == 1

    assert post.get(sent).state == "CANCELLED"


def test_another_deployments_endpoint_is_unknown(post: Post) -> None:
    post.commit("http://127.0.0.1:9/")
    endpoint_id = post.endpoint("http://127.0.0.1:9/").id

    with pytest.raises(UnknownEndpoint):
        read_endpoint(post.ports, endpoint_id, Scope.of("sport"))


def test_a_replay_is_the_full_schedule_anew_under_the_same_id(post: Post) -> None:
    with MoodyReceiver(410, 500, 200) as receiver:
        (sent,) = post.commit(receiver.url)
        post.work()
        enable_endpoint(post.ports, post.endpoint(receiver.url).id, "cli:alice")
        replayed = replay_delivery(post.ports, sent, "cli:alice")
        assert (replayed.state, replayed.attempts) == ("PENDING", 0)
        post.work()
        post.pass_time(seconds=5)

        assert receiver.ids == [sent] * 3
    assert [one.number for one in post.attempts(sent)] == [1, 1, 2]


def test_what_is_still_tried_is_not_replayed(post: Post) -> None:
    (sent,) = post.commit("http://127.0.0.1:9/")

    with pytest.raises(NotReplayable):
        replay_delivery(post.ports, sent, "cli:alice")
    with pytest.raises(UnknownDelivery):
        replay_delivery(post.ports, "nothing", "cli:alice")


def test_a_replay_of_many_leaves_what_arrived(post: Post) -> None:
    with MoodyReceiver(410, 200) as receiver:
        post.commit(receiver.url, 300)
        post.work()
        enable_endpoint(post.ports, post.endpoint(receiver.url).id, "cli:alice")

        assert replay_deliveries(post.ports, DeliveryFilter(), "cli:alice") == 300
        post.work()
        assert replay_deliveries(post.ports, DeliveryFilter(), "cli:alice") == 0
        arrived = DeliveryFilter(state=DeliveryState.DELIVERED)
        assert replay_deliveries(post.ports, arrived, "cli:alice") == 300


def test_a_replay_of_a_time_range_means_when_they_were_made(post: Post) -> None:
    post.commit("nonsense")
    post.clock.turn(hours=1)
    post.commit("nonsense")
    post.work()

    late = DeliveryFilter(since=post.clock.at)
    early = DeliveryFilter(until=post.clock.at)
    assert replay_deliveries(post.ports, late, "cli:alice") == 1
    assert replay_deliveries(post.ports, early, "cli:alice") == 1


def test_a_notice_is_shown_without_what_gives_the_right_to_answer(post: Post) -> None:
    notice = {"task_id": "r-1", "token": None, "response_token": "s3cret"}
    link = "https://us.example/respond"
    body = encode({**notice, "callback_url": f"{link}?token=t0ken&then=?"})
    (sent,) = post.commit("http://127.0.0.1:9/", kind="human_input", body=body)

    hidden = {"response_token": "…", "callback_url": f"{link}?…"}
    assert json.loads(str(shown_body(post.get(sent)))) == {**notice, **hidden}


def test_a_body_that_is_no_text_is_shown_as_far_as_it_is(post: Post) -> None:
    (sent,) = post.commit("http://127.0.0.1:9/", body=b"caf\xe9")

    assert shown_body(post.get(sent)) == "caf\ufffd"


def test_figures_tell_how_deliveries_do(post: Post) -> None:
    with MoodyReceiver(200, 500) as receiver:
        post.commit(receiver.url, 2)
        post.work()
        post.clock.turn(seconds=65)
        figures = delivery_metrics(post.ports)

    assert {state: n for (_, state), n in figures.counts.items()} == {"DELIVERED": 1, "RETRYING": 1}
    assert figures.oldest_due_seconds == 60
    assert (figures.recent.outcomes["2xx"], figures.recent.outcomes["5xx"]) == (1, 1)
    (endpoint,) = figures.endpoints
    assert (endpoint.enabled, endpoint.failing_seconds, endpoint.waiting) == (True, 65, 1)


def test_whatever_is_done_to_endpoints_is_logged_with_its_actor(today: Post) -> None:
    with MoodyReceiver() as receiver:
        today.commit(receiver.url)
        endpoint_id = today.endpoint(receiver.url).id
        disable_endpoint(today.ports, endpoint_id, "cli:alice", "moved")
        enable_endpoint(today.ports, endpoint_id, "cli:bob")
        settings = EndpointSettings(stop_on_4xx=True, most_sends=None)
        set_up_endpoint(today.ports, endpoint_id, settings, "token:carol")
        rotated = rotate_endpoint_secret(today.ports, endpoint_id, "token:dora")
        rotate_deployment_secret(today.ports, "news", "token:eve")
        ping_endpoint(today.ports, endpoint_id, "token:finn")

    entries = newest_entries(today.ports, 100)[::-1]
    assert [(entry.actor, entry.event, dict(entry.details)) for entry in entries] == [
        ("cli:alice", "endpoint.disable", {"reason": "moved"}),
        ("cli:bob", "endpoint.enable", {}),
        ("token:carol", "endpoint.set_up", {"stop_on_4xx": True}),
        ("token:dora", "endpoint.rotate_secret", {"keep_old": 86_400.0}),
        ("token:eve", "deployment.rotate_secret", {"keep_old": 86_400.0}),
        ("token:finn", "endpoint.ping", {"status": 200}),
    ]
    assert {entry.deployment for entry in entries} == {"news"}
    assert rotated.secret not in str(entries)


def test_an_endpoint_that_a_drain_disabled_is_logged(post: Post) -> None:
    with MoodyReceiver(410) as receiver, capture_logs() as lines:
        post.commit(receiver.url)
        post.work()

    disabled = post.endpoint(receiver.url)
    (entry,) = newest_entries(post.ports, 100)
    assert (entry.actor, entry.event, entry.subject_id, entry.deployment, entry.details) == (
        *("worker:w-1", "endpoint.disable", disabled.id, "news"),
        {"reason": disabled.reason},
    )
    told = {"deployment": "news", "endpoint_id": disabled.id, "reason": disabled.reason}
    assert lines == [{**told, "event": "endpoint disabled", "log_level": "error"}]

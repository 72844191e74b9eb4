"""The queue of deliveries against real receivers of every mood."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from post import DEFAULT_SECRET, START, MoodyReceiver, Post, let_leases_lapse
from sqlalchemy import update
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from orchestrator.adapters.http.guard import Guard
from orchestrator.adapters.http.sender import GuardedSender, Limits
from orchestrator.adapters.sql.schema import deliveries
from orchestrator.domain.canonical import JsonObject, encode
from orchestrator.domain.delivery import Authentication, SendResult
from orchestrator.domain.delivery_policy import ROOM_FOR_NOTICES
from orchestrator.usecases.operations.sweep import sweep
from orchestrator.usecases.webhooks import deliver
from orchestrator.usecases.webhooks.batch import Batch, DrainWork
from orchestrator.usecases.webhooks.deliver import FIRST_BATCH, Pace, drain
from orchestrator.usecases.webhooks.deliver_batch import next_batch
from orchestrator.usecases.webhooks.endpoints import disable_endpoint


class Killed(BaseException):
    """Stands for the kill of a worker: nothing of ours catches it."""


def test_what_is_committed_arrives(post: Post) -> None:
    with MoodyReceiver() as receiver:
        sent = post.commit(receiver.url, 3)
        post.work()

        assert receiver.ids == sent
        assert post.states() == {"DELIVERED": 3}


def test_a_try_is_recorded_with_what_was_answered(post: Post) -> None:
    with MoodyReceiver(503, 200) as receiver:
        (sent,) = post.commit(receiver.url)
        post.work()
        post.pass_time(seconds=5)

    tries = post.attempts(sent)
    assert [(one.number, one.status, one.response) for one in tries] == [
        (1, 503, "said"),
        (2, 200, "said"),
    ]
    assert [one.at for one in tries] == [START, START + timedelta(seconds=5)]


def test_the_timeline_tells_what_came_of_each_try(post: Post) -> None:
    with MoodyReceiver(503, 200) as receiver:
        (sent,) = post.commit(receiver.url)
        post.work()
        post.pass_time(seconds=5)

    assert told(post, sent) == [
        ("delivery.retry", {"kind": "task", "attempt": 1, "status": 503}),
        ("delivery.deliver", {"kind": "task", "attempt": 2, "status": 200}),
    ]


def test_why_nobody_answered_is_kept_with_the_try_and_in_the_timeline(post: Post) -> None:
    with MoodyReceiver() as receiver:
        url = receiver.url
    (sent,) = post.commit(url)
    post.work()

    (tried,) = post.attempts(sent)
    assert (tried.status, bool(tried.error)) == (None, True)
    assert told(post, sent) == [
        ("delivery.retry", {"kind": "task", "attempt": 1, "error": tried.error})
    ]


def told(post: Post, delivery_id: str) -> list[tuple[str, JsonObject]]:
    """What the timeline of its execution says."""
    execution_id = post.get(delivery_id).execution_id
    entries = post.ports.store.read(lambda tx: tx.timeline.of(execution_id))
    return [(each.event, each.details) for each in entries]


def test_a_receiver_is_given_the_credentials_that_it_wants(post: Post) -> None:
    with MoodyReceiver() as receiver:
        post.commit(receiver.url, authentication=Authentication("bearer", token="t0ken"))
        post.work()

    ((headers, _),) = receiver.received
    assert headers["Authorization"] == "Bearer t0ken"


def test_what_a_receiver_sends_back_of_a_notice_gives_nobody_the_right_to_answer(
    post: Post,
) -> None:
    notice = {"response_token": "s3cret", "callback_url": "https://us.example/r?token=t0ken"}
    with MoodyReceiver(200, echoes=True) as receiver:
        (sent,) = post.commit(receiver.url, kind="human_input", body=encode(notice))
        post.work()

    hidden = {"response_token": "…", "callback_url": "https://us.example/r?token=…"}
    (tried,) = post.attempts(sent)
    assert json.loads(str(tried.response)) == hidden


def test_what_a_receiver_sends_back_of_anything_else_is_kept_as_it_is(post: Post) -> None:
    with MoodyReceiver(200, echoes=True) as receiver:
        (sent,) = post.commit(receiver.url, body=encode({"token": "a word of the crew"}))
        post.work()

    (tried,) = post.attempts(sent)
    assert json.loads(str(tried.response)) == {"token": "a word of the crew"}


def test_every_try_has_the_same_id_and_a_fresh_signature(post: Post) -> None:
    with MoodyReceiver(500, 200) as receiver:
        post.commit(receiver.url)
        post.work()
        post.pass_time(seconds=5)

    (first, body), (second, again) = receiver.received
    assert (first["webhook-id"], body) == (second["webhook-id"], again)
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 5
    assert first["webhook-signature"] != second["webhook-signature"]


def test_a_receiver_verifies_with_the_standards_library(post: Post) -> None:
    with MoodyReceiver() as receiver:
        post.clock.at = datetime.now(UTC)
        post.commit(receiver.url)
        post.work()

    ((headers, body),) = receiver.received
    assert Webhook(DEFAULT_SECRET).verify(body, headers) == {"sequence": 1}


@pytest.mark.parametrize(
    ("mood", "state"),
    [(500, "RETRYING"), (404, "RETRYING"), (410, "CANCELLED"), (204, "DELIVERED")],
)
def test_an_answer_ends_in_a_state_with_a_reason(post: Post, mood: int, state: str) -> None:
    with MoodyReceiver(mood) as receiver:
        (sent,) = post.commit(receiver.url)
        post.work()

    after = post.get(sent)
    assert (after.state, bool(after.reason)) == (state, state != "DELIVERED")


def test_a_redirect_is_a_failure_and_nobody_follows_it(post: Post) -> None:
    with MoodyReceiver() as inside:
        moved = (302, {"Location": inside.url})
        with MoodyReceiver(moved) as receiver:
            (sent,) = post.commit(receiver.url)
            post.work()

        assert inside.received == []
    assert "redirect" in post.get(sent).reason


def test_a_redirect_into_the_network_reaches_nobody(post: Post) -> None:
    moved = (307, {"Location": "http://169.254.169.254/latest/meta-data"})
    with MoodyReceiver(moved) as receiver:
        (sent,) = post.commit(receiver.url)
        post.work()

    assert post.get(sent).state == "RETRYING"


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://[::1]:80/", "nonsense"])
def test_a_forbidden_or_impossible_url_ends_at_once(post: Post, url: str) -> None:
    (sent,) = post.commit(url)
    post.work()

    after = post.get(sent)
    assert (after.state, after.attempts, bool(after.reason)) == ("BLOCKED", 1, True)


def test_a_receiver_that_recovers_gets_everything(post: Post) -> None:
    with MoodyReceiver(500, 500, 500, 500, 500, 500, 200) as receiver:
        post.commit(receiver.url, 3)
        post.work()
        post.pass_time(seconds=5)
        post.pass_time(minutes=5)

    assert post.states() == {"DELIVERED": 3}


def test_retry_after_is_kept_for_the_whole_endpoint(post: Post) -> None:
    with MoodyReceiver((429, {"Retry-After": "120"}), 200) as receiver:
        post.commit(receiver.url, 5)
        assert post.work() == 1
        assert post.pass_time(seconds=60) == 0
        post.pass_time(seconds=60)

    assert post.states() == {"DELIVERED": 5}


def test_a_drain_forgets_a_pause_that_is_over(post: Post) -> None:
    with MoodyReceiver((429, {"Retry-After": "60"}), 500) as receiver:
        post.commit(receiver.url)
        post.work()
        endpoint = post.endpoint(receiver.url)
        assert endpoint.health.quiet_until
        post.clock.turn(seconds=60)
        drain(post.ports, endpoint.id, "w-1")
    assert post.endpoint(receiver.url).health.quiet_until is None


def test_what_was_claimed_with_it_waits_with_a_try_that_is_told_to(post: Post) -> None:
    with MoodyReceiver(200, (429, {"Retry-After": "120"})) as receiver:
        _known_well(post, receiver)
        post.commit(receiver.url, 5)

        assert post.work() == 1


def test_410_disables_and_cancels_what_else_waits(post: Post) -> None:
    with MoodyReceiver(410) as receiver:
        post.commit(receiver.url, 5)
        assert post.work() == 1
        later = post.commit(receiver.url)
        post.work()

    assert post.states() == {"CANCELLED": 6}
    assert "410" in post.get(later[0]).reason
    assert not post.endpoint(receiver.url).is_enabled


def test_who_disabled_an_endpoint_stands_in_the_timeline(post: Post) -> None:
    with MoodyReceiver(410) as receiver:
        (sent,) = post.commit(receiver.url)
        post.work()

    why = {"reason": post.endpoint(receiver.url).reason}
    assert [event for event, _ in told(post, sent)] == ["delivery.cancel", "endpoint.disable"]
    assert told(post, sent)[1] == ("endpoint.disable", why)


def test_why_a_delivery_was_never_tried_stands_in_the_timeline(post: Post) -> None:
    (sent,) = post.commit("nonsense")
    disable_endpoint(post.ports, post.endpoint("nonsense").id, "cli:alice", "moved")
    post.work()

    why = "Its endpoint is disabled: cli:alice: moved"
    assert told(post, sent) == [("delivery.cancel", {"kind": "task", "error": why})]


def test_of_a_stream_the_timeline_tells_only_what_was_given_up(post: Post) -> None:
    with MoodyReceiver(500, 200, 410) as receiver:
        (arrived,) = post.commit(receiver.url, kind="stream")
        post.work()
        post.pass_time(seconds=5)
        (refused,) = post.commit(receiver.url, kind="stream")
        post.work()

    assert told(post, arrived) == []
    assert [event for event, _ in told(post, refused)] == ["delivery.cancel", "endpoint.disable"]


def test_a_dead_host_is_left_alone_without_using_up_attempts(post: Post) -> None:
    with MoodyReceiver() as receiver:
        url = receiver.url
    post.commit(url, 50)

    assert post.work() == 5
    assert post.pass_time(seconds=29) == 0
    assert post.pass_time(seconds=1) == 1
    assert sum(delivery.attempts for delivery in post.all()) == 6


def test_a_breaker_is_shared_by_all_endpoints_of_a_host(post: Post) -> None:
    with MoodyReceiver() as receiver:
        url = receiver.url
    post.commit(url, 10)
    post.work()
    post.commit(f"{url}other", 10)

    assert post.work() == 0


def test_a_host_that_was_dead_is_tried_once_before_others_follow(post: Post) -> None:
    with MoodyReceiver() as receiver:
        url = receiver.url
    post.commit(url, 10)
    post.work()
    post.commit(f"{url}other")
    post.clock.turn(seconds=30)
    others: list[int] = []

    def meanwhile(_: str) -> None:
        post.crash = None
        others.append(drain(post.ports, post.endpoint(f"{url}other").id, "w-2"))

    post.crash = meanwhile
    assert (drain(post.ports, post.endpoint(url).id, "w-1"), others) == (1, [0])


@pytest.mark.parametrize(("arrived", "helping"), [(1, 1), (0, 0)])
def test_a_drain_gets_help_where_much_is_due_to_a_receiver_that_is_well(
    post: Post, arrived: int, helping: int
) -> None:
    with MoodyReceiver() as receiver:
        post.commit(receiver.url, arrived)
        post.work()
        post.commit(receiver.url, FIRST_BATCH + 5)
        post.jobs.clear()
        helpers: list[int] = []
        post.crash = lambda _: helpers.append(len(post.jobs))
        drain(post.ports, post.endpoint(receiver.url).id, "w-1")

    assert helpers[0] == helping


def test_first_tries_come_before_retries(post: Post) -> None:
    with MoodyReceiver(500, 500, 200) as receiver:
        old = post.commit(receiver.url, 2)
        post.work()
        post.clock.turn(seconds=5)
        new = post.commit(receiver.url, 2)
        post.work()

        assert receiver.ids == [*old, *new, *old]


def test_many_commits_publish_few_drains(post: Post) -> None:
    for _ in range(20):
        post.commit("http://127.0.0.1:9/")

    assert len(post.jobs) == 1


def test_a_flushed_broker_loses_nothing(post: Post) -> None:
    with MoodyReceiver() as receiver:
        post.commit(receiver.url, 5)
        post.jobs.clear()
        post.pass_time(seconds=60)

        assert post.states() == {"DELIVERED": 5}


def test_a_lost_nudge_holds_back_commits_for_seconds_only(post: Post) -> None:
    with MoodyReceiver() as receiver:
        post.commit(receiver.url)
        post.jobs.clear()
        post.clock.turn(seconds=11)
        post.commit(receiver.url)
        post.work()

        assert post.states() == {"DELIVERED": 2}


def test_a_worker_that_dies_between_send_and_commit_sends_again(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_: str) -> None:
        raise Killed

    with MoodyReceiver() as receiver:
        (sent,) = post.commit(receiver.url)
        post.crash = die
        with pytest.raises(Killed):
            post.work()
        post.crash = None
        let_leases_lapse(post)
        post.pass_time(seconds=0)

        assert receiver.ids == [sent, sent]
        assert post.states() == {"DELIVERED": 1}


def test_what_another_worker_has_recorded_meanwhile_stands(post: Post) -> None:
    with MoodyReceiver() as receiver, capture_logs() as lines:
        (sent,) = post.commit(receiver.url)
        endpoint_id = post.jobs.pop().arguments["endpoint_id"]

        def lapse(_: str) -> None:
            post.crash = None
            let_leases_lapse(post)
            drain(post.ports, endpoint_id, "w-2")

        post.crash = lapse
        drain(post.ports, endpoint_id, "w-1")

    lost = {"event": "claims of deliveries were lost", "delivery_ids": [sent]}
    assert {**lost, "log_level": "warning"} in lines
    timeline = post.ports.store.read(lambda tx: tx.timeline.of(post.get(sent).execution_id))
    assert [(each.actor, each.event) for each in timeline] == [("worker:w-2", "delivery.deliver")]


def test_no_endpoint_gets_more_at_a_time_than_the_limit(post: Post) -> None:
    with MoodyReceiver() as receiver, ThreadPoolExecutor(8) as threads:
        _known_well(post, receiver)
        post.commit(receiver.url, 200)
        endpoint_id = post.jobs[0].arguments["endpoint_id"]
        receiver.gate.clear()
        begun = [threads.submit(drain, post.ports, endpoint_id, f"w-{n}") for n in range(8)]
        _until(lambda: sum(each.done() for each in begun) == 4)
        receiver.gate.set()
        for each in begun:
            each.result()
        post.work()

        assert receiver.most_at_once == 4
        assert post.states() == {"DELIVERED": 201}


def test_a_hanging_endpoint_keeps_a_bounded_number_of_threads(post: Post) -> None:
    with MoodyReceiver() as hanging, MoodyReceiver() as fast, ThreadPoolExecutor(6) as threads:
        _known_well(post, hanging)
        hanging.gate.clear()
        post.commit(hanging.url, 100)
        sick = [job.arguments["endpoint_id"] for job in post.jobs] * 6
        stuck = [threads.submit(drain, post.ports, each, "w") for each in sick]
        post.jobs.clear()
        _until(lambda: len(hanging.received) == 1 + 4)
        post.commit(fast.url, 10)
        post.work()

        assert len(fast.received) == 10
        hanging.gate.set()
        assert sum(each.result() > 0 for each in stuck) == 4


def _known_well(post: Post, receiver: MoodyReceiver) -> None:
    post.commit(receiver.url)
    post.work()


def test_receivers_that_nobody_knows_yet_share_a_few_threads(post: Post) -> None:
    waits = GuardedSender(Guard(allow_networks=(ip_network("127.0.0.1"),)), Limits(total=60.0))
    post.ports = replace(post.ports, sender=waits)
    with ExitStack() as stack, ThreadPoolExecutor(8) as threads:
        hanging = [stack.enter_context(MoodyReceiver()) for _ in range(8)]
        for receiver in hanging:
            receiver.gate.clear()
            post.commit(receiver.url)
        strange = [job.arguments["endpoint_id"] for job in post.jobs]
        begun = [threads.submit(drain, post.ports, each, "w") for each in strange]
        _until(lambda: sum(each.done() for each in begun) == 3)
        assert [each.result() for each in begun if each.done()] == [0, 0, 0]
        for receiver in hanging:
            receiver.gate.set()
        assert sum(each.result() for each in begun) == 5


def begin(post: Post, url: str, *, kind: str = "task") -> tuple[DrainWork, Batch | None]:
    """A drain of a new receiver claims what is due there, and has not sent it yet."""
    post.commit(url, kind=kind)
    work = DrainWork(post.ports.ids.new(), post.endpoint(url).id, "w-1")
    post.ports.store.transact(lambda tx: tx.drains.begun(work.endpoint_id))
    return work, next_batch(post.ports, work, None, (), FIRST_BATCH)


def strangers(count: int, from_host: int = 1) -> list[str]:
    """Receivers that nobody knows yet, each at a host of its own."""
    return [f"http://127.0.0.{from_host + number}/" for number in range(count)]


def test_a_notice_has_room_where_strange_receivers_take_all_that_there_is(post: Post) -> None:
    most = post.ports.send_limits.unproven
    begun = [begin(post, url)[1] for url in strangers(most + 1)]
    assert [batch is not None for batch in begun] == [True] * most + [False]

    begun = [
        begin(post, url, kind="human_input")[1]
        for url in strangers(ROOM_FOR_NOTICES + 1, from_host=100)
    ]
    assert [batch is not None for batch in begun] == [True] * ROOM_FOR_NOTICES + [False]


def test_whoever_waits_with_a_notice_is_woken_first_by_a_drain_that_leaves(post: Post) -> None:
    room = post.ports.send_limits.unproven + ROOM_FOR_NOTICES
    begun = [begin(post, url, kind="human_input") for url in strangers(room)]
    assert begin(post, "http://127.0.0.100/")[1] is None
    assert begin(post, "http://127.0.0.101/", kind="human_input")[1] is None
    post.jobs.clear()

    (work, batch), *_ = begun
    assert next_batch(post.ports, work, batch, (), 0) is None
    assert to_drain(post) == [post.endpoint("http://127.0.0.101/").id, work.endpoint_id]


def test_room_that_a_drain_does_not_need_is_for_the_next_that_waits(post: Post) -> None:
    here = "http://127.0.0.1/"
    room = post.ports.send_limits.unproven
    (work, batch), *_ = [begin(post, f"{here}{number}") for number in range(room)]
    (first, _), (second, _) = [begin(post, f"{here}{name}") for name in ("first", "second")]
    post.jobs.clear()
    assert next_batch(post.ports, first, None, (), FIRST_BATCH) is None
    assert post.jobs == []  # who finds no room has none for others

    assert next_batch(post.ports, work, batch, (), 0) is None
    assert to_drain(post) == [first.endpoint_id, work.endpoint_id]
    _cancel(post, first.endpoint_id)
    assert next_batch(post.ports, first, None, (), FIRST_BATCH) is None
    assert to_drain(post) == [second.endpoint_id]


def to_drain(post: Post) -> list[str]:
    """The endpoints of the drains that were published meanwhile."""
    ids = [job.arguments["endpoint_id"] for job in post.jobs]
    post.jobs.clear()
    return ids


def _cancel(post: Post, endpoint_id: str) -> None:
    """What waited there has ended meanwhile."""
    with post.ports.store._writer.begin() as connection:
        of_it = deliveries.c.endpoint_id == endpoint_id
        connection.execute(update(deliveries).where(of_it).values(state="CANCELLED"))


def test_a_receiver_that_only_times_out_is_tried_one_at_a_time(post: Post) -> None:
    with MoodyReceiver() as hanging:
        hanging.gate.clear()
        post.commit(hanging.url, 20)
        assert post.work() == 1
        assert post.pass_time(seconds=9) == 0
        assert post.pass_time(seconds=1) == 1
        assert post.endpoint(hanging.url).health.slowness == 2


def test_several_workers_deliver_each_once(post: Post) -> None:
    with MoodyReceiver() as receiver, ThreadPoolExecutor(4) as threads:
        sent = post.commit(receiver.url, 100)
        endpoint_id = post.jobs.pop().arguments["endpoint_id"]
        list(threads.map(lambda n: drain(post.ports, endpoint_id, f"w-{n}"), range(4)))
        post.work()

        assert sorted(receiver.ids) == sorted(sent)


def test_what_a_slow_receiver_left_no_time_for_is_sent_by_the_next_drain(
    any_post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MoodyReceiver() as receiver:
        _known_well(any_post, receiver)
        monkeypatch.setattr(deliver, "LONGEST_BATCH", 0.0)
        monkeypatch.setattr(deliver, "MOST_SECONDS", 0.0)
        any_post.commit(receiver.url, 3)
        any_post.work()

    assert any_post.states() == {"DELIVERED": 1 + 3}


def test_what_is_claimed_together_is_sent_together(post: Post) -> None:
    with MoodyReceiver() as receiver:
        _known_well(post, receiver)
        sent = post.commit(receiver.url, 3)
        post.work()

    assert [post.get(each).claim_no for each in sent] == [1, 1, 1]


@pytest.mark.parametrize(("seconds", "more"), [(0.0, 0), (60.0, 5)])
def test_a_drain_goes_on_with_what_is_due_until_its_time_is_over(
    post: Post, monkeypatch: pytest.MonkeyPatch, seconds: float, more: int
) -> None:
    monkeypatch.setattr(deliver, "MOST_SECONDS", seconds)
    with MoodyReceiver() as receiver:
        _known_well(post, receiver)
        post.commit(receiver.url, FIRST_BATCH + 5)

        assert drain(post.ports, post.endpoint(receiver.url).id, "w-1") == FIRST_BATCH + more


def test_a_drain_that_left_nothing_has_no_other_published(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "MOST_SECONDS", 0.0)
    with MoodyReceiver() as receiver:
        _known_well(post, receiver)
        post.commit(receiver.url, 2)
        drain(post.ports, post.jobs.pop().arguments["endpoint_id"], "w-1")

    assert post.jobs == []


def test_as_many_are_claimed_as_can_be_sent_in_half_a_second() -> None:
    pace = Pace()
    for seconds in (0.0625, 0.1875):
        pace.count(SendResult(200, seconds))

    assert (pace.sent, pace.batch) == (2, 4)


def test_a_schedule_comes_to_its_end(post: Post) -> None:
    with MoodyReceiver(500) as receiver:
        (sent,) = post.commit(receiver.url)
        post.work()
        for _ in range(9):
            post.clock.at = max(post.clock.at, post.get(sent).due_at)
            post.pass_time()

        assert (post.get(sent).state, len(receiver.received)) == ("EXHAUSTED", 10)
        assert post.clock.at - START == timedelta(hours=75, minutes=35, seconds=5)


def test_an_endpoint_that_only_failed_for_five_days_is_disabled(post: Post) -> None:
    with MoodyReceiver(500) as receiver:
        for _ in range(6):
            post.commit(receiver.url)
            post.work()
            post.pass_time(days=1)

        assert not post.endpoint(receiver.url).is_enabled
        post.pass_time(seconds=60)
        assert set(post.states()) == {"CANCELLED"}


def test_a_day_long_outage_loses_nothing_and_ends_without_a_flood(post: Post) -> None:
    with MoodyReceiver() as receiver:
        url = receiver.url
    tries = 0
    for _ in range(24 * 3):
        post.commit(url, 4)
        tries += post.work() + post.pass_time(minutes=20)
    assert tries < 24 * 3 * 2
    assert set(post.states()) <= {"PENDING", "RETRYING"}

    with _reopened(url) as receiver:
        for _ in range(60):
            post.pass_time(minutes=30)

        assert post.states() == {"DELIVERED": 24 * 3 * 4}
        assert sorted(receiver.ids) == sorted(delivery.id for delivery in post.all())


def _reopened(url: str) -> MoodyReceiver:
    """A receiver at the address of one that is gone."""
    port = int(url.rsplit(":", 1)[1].rstrip("/"))
    return MoodyReceiver(port=port)


def test_the_sweep_leaves_quiet_endpoints_in_peace(post: Post) -> None:
    with MoodyReceiver((503, {"Retry-After": "3600"})) as receiver:
        post.commit(receiver.url)
        post.work()
        post.clock.turn(minutes=30)
        sweep(post.ports)

        assert post.jobs == []


def test_a_pause_that_is_over_is_told_to_workers_that_are_away_in_doubling_times(
    any_post: Post,
) -> None:
    post = any_post
    with MoodyReceiver((503, {"Retry-After": "120"}), 200) as receiver:
        post.commit(receiver.url)
        post.work()
        post.clock.turn(seconds=120)
        told: list[int] = []
        for second in range(0, 600, 10):
            sweep(post.ports)
            told += [second] * len(post.jobs)
            post.jobs.clear()
            post.clock.turn(seconds=10)
        assert told == [0, 60, 180, 420]

        post.pass_time(minutes=15)
        assert post.states() == {"DELIVERED": 1}


def _until(condition: Callable[[], bool]) -> None:
    give_up = threading.Event()
    timer = threading.Timer(30, give_up.set)
    timer.start()
    while not condition():
        assert not give_up.wait(0.005)
    timer.cancel()

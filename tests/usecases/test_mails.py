"""Mails are deliveries: the same queue, the same promises, over a real mail server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from mails import TOKEN, MailServer, letterhead, notice_body
from post import Post, let_leases_lapse
from world import World

from orchestrator.adapters.http.guard import Guard
from orchestrator.adapters.http.sender import GuardedSender
from orchestrator.adapters.sender_by_transport import SenderByTransport
from orchestrator.adapters.smtp.sender import Limits, MailSender
from orchestrator.adapters.sql.cipher import Cipher, WrongKey
from orchestrator.domain.delivery import Delivery, DeliveryState
from orchestrator.domain.recipient import Recipient, RecipientState
from orchestrator.domain.transport import Transport
from orchestrator.errors import Invalid
from orchestrator.jobs import MAIL, WEBHOOKS
from orchestrator.ports import DeliveryFilter, Ports, Transaction
from orchestrator.settings.mail import Relay, Security
from orchestrator.usecases.operations.sweep import sweep
from orchestrator.usecases.reviews.asked_in_vain import DECIDED, NOT_ASKED
from orchestrator.usecases.reviews.undeliverable import note_reached
from orchestrator.usecases.webhooks.deliver import drain
from orchestrator.usecases.webhooks.deliveries import replay_delivery, shown_body
from orchestrator.usecases.webhooks.endpoints import disable_endpoint
from orchestrator.usecases.webhooks.wake import wake_endpoints

ANN = "mailto:ann@example.com"


class Killed(BaseException):
    """Stands for the kill of a worker: nothing of ours catches it."""


def by_mail(ports: Ports, port: int | None) -> Ports:
    """The same ports, with a mail server on that port, or with none."""
    senders: dict[Transport, Any] = {Transport.HTTP: GuardedSender(Guard())}
    if port is not None:
        relay = Relay("127.0.0.1", port, Security.OFF)
        senders[Transport.MAIL] = MailSender(relay, letterhead(), Limits(0.5, 1.0))
    return replace(ports, sender=SenderByTransport(senders))


def ask(post: Post, server: MailServer, url: str = ANN) -> str:
    post.ports = by_mail(post.ports, server.port)
    (delivery_id,) = post.commit(url, kind="reminder", body=notice_body())
    return delivery_id


def test_a_mail_is_sent_by_the_workers_of_mails(post: Post) -> None:
    with MailServer() as server:
        delivery_id = ask(post, server)
        assert [job.queue for job in post.jobs] == [MAIL]
        post.work()
    assert post.states() == {"DELIVERED": 1}
    assert server.taken[0]["Message-ID"] == f"<{delivery_id}@example.com>"
    (tried,) = post.attempts(delivery_id)
    assert (tried.status, tried.response) == (250, "OK")


def test_a_webhook_stays_with_the_workers_of_webhooks(post: Post) -> None:
    post.commit("https://hooks.example/")
    assert [job.queue for job in post.jobs] == [WEBHOOKS]


def test_the_sweep_has_a_lost_mail_sent_by_the_workers_of_mails(post: Post) -> None:
    with MailServer() as server:
        ask(post, server)
        post.jobs.clear()
        post.ports.store.forget()  # type: ignore[attr-defined]  # SQL's
        post.clock.turn(minutes=2)
        sweep(post.ports)
        assert [job.queue for job in post.jobs] == [MAIL]


def test_a_mail_that_is_put_off_is_taken_later_by_the_schedule_of_notices(post: Post) -> None:
    with MailServer(rcpt=["450 Greylisted", "451 Still", "250 OK"]) as server:
        delivery_id = ask(post, server)
        post.work()
        post.pass_time(seconds=5)
        post.pass_time(seconds=30)
    assert post.states() == {"DELIVERED": 1}
    assert [one.status for one in post.attempts(delivery_id)] == [450, 451, 250]
    assert len(server.taken) == 1


def test_a_mail_that_is_refused_ends_at_once_and_can_be_replayed(post: Post) -> None:
    with MailServer(rcpt=["550 Nobody here", "250 OK"]) as server:
        delivery_id = ask(post, server)
        assert post.work() == 1
        ended = post.get(delivery_id)
        assert (ended.state, ended.attempts) == (DeliveryState.EXHAUSTED, 1)
        assert ended.reason == "The mail server answered 550: Nobody here"
        replay_delivery(post.ports, delivery_id, "tests")
        post.work()
    assert post.states() == {"DELIVERED": 1}


def test_all_addresses_share_the_breaker_of_the_mail_server(post: Post) -> None:
    post.ports = by_mail(post.ports, 1)
    for n in range(8):
        post.commit(f"mailto:person-{n}@example.com", body=notice_body())
    assert post.work() == 5
    assert {one.state for one in post.all()} == {DeliveryState.RETRYING, DeliveryState.PENDING}


def test_where_no_mail_is_sent_it_waits_until_some_is(post: Post) -> None:
    post.ports = by_mail(post.ports, None)
    (delivery_id,) = post.commit(ANN, body=notice_body())
    post.work()
    waiting = post.get(delivery_id)
    assert waiting.state is DeliveryState.RETRYING
    assert "ORCHESTRATOR_SMTP_URL" in str(waiting.reason)


def test_a_worker_that_dies_after_the_server_took_a_mail_sends_it_again_as_the_same(
    post: Post,
) -> None:
    def die(place: str) -> None:
        if place == "after-send":
            raise Killed

    with MailServer() as server:
        delivery_id = ask(post, server)
        post.crash = die
        with pytest.raises(Killed):
            post.work()
        post.crash = None
        let_leases_lapse(post)
        post.pass_time(seconds=0)
    assert post.states() == {"DELIVERED": 1}
    assert [mail["Message-ID"] for mail in server.taken] == [f"<{delivery_id}@example.com>"] * 2


def test_many_workers_send_each_mail_once(post: Post) -> None:
    with MailServer() as server, ThreadPoolExecutor(4) as threads:
        post.ports = by_mail(post.ports, server.port)
        post.commit(ANN, 12, body=notice_body())
        endpoint_id = post.jobs[0].arguments["endpoint_id"]
        gate = threading.Barrier(4)

        def work(n: int) -> None:
            gate.wait()
            drain(post.ports, endpoint_id, f"w-{n}")

        list(threads.map(work, range(4)))
        post.work()
    ids = [mail["Message-ID"] for mail in server.taken]
    assert (len(ids), len(set(ids))) == (12, 12)


def test_a_call_may_not_have_its_webhooks_go_by_mail(a_world: Callable[..., World]) -> None:
    world = a_world("write")
    world.ports = by_mail(world.ports, 1)
    with pytest.raises(Invalid, match="http:// or https://"):
        world.kickoff(taskWebhookUrl=ANN)


def asked(world: World, *, notice: str = "request") -> tuple[str, Recipient]:
    """Ann is asked in a review, by a mail that waits; gives the delivery's id."""
    execution_id = world.halted()
    ids = world.ports.ids

    def write(tx: Transaction) -> tuple[str, Recipient]:
        now = tx.now()
        (review,) = tx.reviews.of(execution_id)
        recipient = Recipient(
            id=ids.new(),
            review_id=review.id,
            execution_id=execution_id,
            deployment="crew",
            address="ann@example.com",
            state=RecipientState.ASKED,
            version=1,
            rung=0,
            reason="creator",
            created_at=now,
        )
        endpoint_id = tx.endpoints.ensure("crew", ANN, None, now)
        mail = Delivery(
            id=ids.new(),
            execution_id=execution_id,
            deployment="crew",
            endpoint_id=endpoint_id,
            kind="human_input",
            sequence=9,
            state=DeliveryState.PENDING,
            version=1,
            body=notice_body(notice=notice, review_id=review.id, recipient_id=recipient.id),
            created_at=now,
            due_at=now,
            published_at=now,
            wake_at=now + timedelta(minutes=1),
        )
        tx.recipients.add({recipient: "a" * 32})
        tx.deliveries.add([mail])
        wake_endpoints(tx, [endpoint_id], now)
        return endpoint_id, recipient

    return world.ports.store.transact(write)


def troubles(world: World, recipient: Recipient) -> tuple[str | None, list[str]]:
    """What is noted with the recipient, and what the timeline says of it."""
    store, execution_id = world.ports.store, recipient.execution_id
    (now,) = store.read(lambda tx: tx.recipients.of([recipient.review_id]))
    entries = store.read(lambda tx: tx.timeline.of(execution_id))
    noted = [each for each in entries if each.event == "recipient.undeliverable"]
    assert {each.subject_id for each in noted} <= {recipient.id}
    return now.trouble, [str(each.details["error"]) for each in noted]


def test_whoever_no_mail_reaches_is_noted_in_the_same_commit(
    a_world_of_each: Callable[..., World],
) -> None:
    world = a_world_of_each("write?")
    with MailServer(rcpt=["450 Wait", "550 Nobody here"]) as server:
        world.ports = by_mail(world.ports, server.port)
        endpoint_id, recipient = asked(world)
        drain(world.ports, endpoint_id, "w-1")
        assert troubles(world, recipient) == (None, [])
    reason = "The mail server answered 550: Nobody here"
    with MailServer(rcpt=["550 Nobody here"]) as server:
        world.ports = by_mail(world.ports, server.port)
        endpoint_id, recipient = asked(world)
        drain(world.ports, endpoint_id, "w-1")
    assert troubles(world, recipient) == (reason, [reason])


def test_whoever_a_later_mail_reaches_is_in_trouble_no_more(
    a_world_of_each: Callable[..., World],
) -> None:
    world = a_world_of_each("write?")
    with MailServer(rcpt=["550 Nobody here"]) as server:
        world.ports = by_mail(world.ports, server.port)
        for _ in range(2):
            endpoint_id, recipient = asked(world)
            drain(world.ports, endpoint_id, "w-1")
    at_ann = DeliveryFilter(endpoint_id=endpoint_id)
    failed = world.ports.store.read(lambda tx: tx.deliveries.closed(at_ann, None, 9))
    assert len(failed) == 2
    with MailServer() as server:
        world.ports = by_mail(world.ports, server.port)
        replay_delivery(world.ports, failed[0].id, "tests")
        drain(world.ports, endpoint_id, "w-1")

    assert (
        world.ports.store.read(lambda tx: tx.recipients.troubled("crew", "ann@example.com", 9))
        == ()
    )
    assert troubles(world, recipient)[0] is None
    entries = world.ports.store.read(lambda tx: tx.timeline.of(recipient.execution_id))
    (reached,) = [each for each in entries if each.event == "recipient.reached"]
    assert (reached.subject_id, reached.details) == (recipient.id, {"to": "ann@example.com"})
    assert (reached.task_name, reached.actor) == ("write", "worker:w-1")


def test_a_mail_to_somebody_else_takes_away_no_trouble(a_world: Callable[..., World]) -> None:
    world = a_world("write?")
    with MailServer(rcpt=["550 Nobody here"]) as server:
        world.ports = by_mail(world.ports, server.port)
        endpoint_id, recipient = asked(world)
        drain(world.ports, endpoint_id, "w-1")
    for deployment, address in (("crew", "ben@example.com"), ("other", "ann@example.com")):
        world.ports.store.transact(
            lambda tx, of=deployment, to=address: note_reached(world.ports, tx, of, to, "w-1")  # type: ignore[misc]  # mypy cannot infer it
        )
    assert troubles(world, recipient)[0] is not None


def test_whoever_has_an_address_that_a_person_disabled_is_noted(
    a_world: Callable[..., World],
) -> None:
    world = a_world("write?")
    endpoint_id, recipient = asked(world)
    disable_endpoint(world.ports, endpoint_id, "tests", "she left")
    drain(world.ports, endpoint_id, "w-1")
    reason = "Its endpoint is disabled: tests: she left"
    assert troubles(world, recipient) == (reason, [reason])


@pytest.mark.parametrize(("notice", "taken"), [("reminder", 0), ("closed", 1)])
def test_a_mail_that_waited_asks_nobody_for_what_was_decided_meanwhile(
    a_world_of_each: Callable[..., World], notice: str, taken: int
) -> None:
    world = a_world_of_each("write?")
    endpoint_id, recipient = asked(world, notice=notice)
    world.answer(recipient.execution_id, "write", approve=True)

    with MailServer() as server:
        world.ports = by_mail(world.ports, server.port)
        drain(world.ports, endpoint_id, "w-1")

    assert len(server.taken) == taken
    assert troubles(world, recipient) == (None, [])
    store = world.ports.store
    entries = store.read(lambda tx: tx.timeline.of(recipient.execution_id))
    cancelled = [each.details["error"] for each in entries if each.event == "delivery.cancel"]
    assert cancelled == [DECIDED] * (1 - taken)


def test_a_mail_asks_nobody_who_is_not_asked_any_more(a_world: Callable[..., World]) -> None:
    world = a_world("write?")
    endpoint_id, recipient = asked(world)
    store = world.ports.store
    store.transact(lambda tx: tx.recipients.save(recipient, recipient.delegate("ben@example.com")))

    with MailServer() as server:
        world.ports = by_mail(world.ports, server.port)
        drain(world.ports, endpoint_id, "w-1")
    waiting = store.read(lambda tx: tx.deliveries.closed(DeliveryFilter(), None, 9))

    assert server.taken == []
    assert [(each.state, each.reason) for each in waiting] == [(DeliveryState.CANCELLED, NOT_ASKED)]


def test_a_mail_whose_body_is_none_is_blocked_and_noted_with_nobody(post: Post) -> None:
    with MailServer() as server:
        post.ports = by_mail(post.ports, server.port)
        post.commit(ANN)
        post.work()
    assert post.states() == {"BLOCKED": 1}


def test_the_token_of_a_mail_is_shown_to_nobody_and_stored_encrypted(post: Post) -> None:
    with MailServer() as server:
        delivery_id = ask(post, server)
    stored = post.get(delivery_id)
    assert TOKEN in str(stored.body)
    assert TOKEN not in str(shown_body(stored))
    assert '"output":"# Owls' in str(shown_body(stored))
    with post.ports.store._writer.begin() as connection:  # type: ignore[attr-defined]  # SQL's
        (row,) = connection.exec_driver_sql("SELECT body FROM deliveries").all()
    with pytest.raises(WrongKey):
        Cipher("another key").unpack(row[0])

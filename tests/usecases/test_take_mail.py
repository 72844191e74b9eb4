"""Mails are stored as they come, once, and read by a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from replies import ANN, DOMAIN, TOKEN, ask, came, reply, take_all, takes_replies
from structlog.testing import capture_logs
from world import World

from orchestrator.domain.inbound_mail import LARGEST_MAIL, MailState, StoredMail
from orchestrator.domain.mail_reply import SenderProof
from orchestrator.domain.retry import FIRST_PUBLISH_AGAIN
from orchestrator.errors import TooLarge, Unreadable, UnreadableHere
from orchestrator.jobs import take_mail as job_of
from orchestrator.ports import MailFilter, MailIdentity, Replies, SenderCheck
from orchestrator.usecases.intake import take_mail as taking
from orchestrator.usecases.intake.mails import list_mails
from orchestrator.usecases.intake.take_mail import (
    Envelope,
    publish_mails,
    store_mail,
    take_mail,
)

Make = Callable[..., World]
Later = Callable[[float], None]


@pytest.fixture
def world(a_world_of_each: Make) -> World:
    return takes_replies(a_world_of_each("write?"))


@pytest.fixture
def local(a_world: Make, later: Later) -> World:
    """The same where time passes as the test says."""
    later(0)
    return takes_replies(a_world("write?"))


def kept(world: World, mail: StoredMail | None) -> StoredMail:
    assert mail
    found = world.ports.store.read(lambda tx: tx.mails.get(mail.id))
    assert found
    return found


def test_a_mail_is_kept_as_it_came_and_a_worker_has_it_read(local: World) -> None:
    raw = reply("ok", Message_ID="<one@mail.example.com>")
    stored = kept(local, store_mail(local.ports, raw))
    now = local.ports.clock.now()
    assert (stored.raw, stored.message_id, stored.sender) == (raw, "<one@mail.example.com>", ANN)
    assert (stored.state, stored.received_at) == (MailState.WAITING, now)
    assert (stored.wake_at, stored.publishes) == (now + FIRST_PUBLISH_AGAIN, 1)
    assert local.jobs == [job_of(stored.id)]


@pytest.mark.parametrize("once", [None, "call-1"])
def test_the_same_mail_is_kept_and_published_once(world: World, once: str | None) -> None:
    raw = reply("ok")
    assert store_mail(world.ports, raw)
    assert store_mail(world.ports, raw, once=once) is None
    assert len(world.jobs) == 1


def test_what_brings_a_mail_counts_once_whatever_mail_it_is_with(world: World) -> None:
    assert store_mail(world.ports, reply("ok"), once="call-1")
    assert store_mail(world.ports, reply("no"), once="call-1") is None
    assert store_mail(world.ports, reply("no"), once="call-2")
    assert len(world.jobs) == 2


def test_an_envelope_stands_above_the_mail_each_line_in_one(world: World) -> None:
    raw = reply("ok")
    envelope = Envelope("ann@exa\r\nmple.com", ("a@b.example", " ü@b.example\udcff"))
    stored = kept(world, store_mail(world.ports, raw, envelope))
    assert (
        stored.raw
        == (
            b"Return-Path: <ann@example.com>\r\n"
            b"Delivered-To: a@b.example\r\n"
            b"Delivered-To: \xc3\xbc@b.example?\r\n"
        )
        + raw
    )


def test_a_mail_may_be_so_large(local: World) -> None:
    raw = reply("ok")
    largest = raw + b"x" * (LARGEST_MAIL - len(raw))
    assert store_mail(local.ports, largest)
    with pytest.raises(TooLarge, match=str(LARGEST_MAIL)):
        store_mail(local.ports, largest + b"x")


def test_a_mail_whose_job_may_be_lost_is_published_again_and_ever_more_seldom(
    local: World, later: Later
) -> None:
    stored = kept(local, store_mail(local.ports, reply("ok")))
    local.jobs.clear()
    for seconds, publishes in ((120, 2), (240, 3)):
        later(61)
        stale = kept(local, stored)
        assert publish_mails(local.ports, [stale, stale]) == 1
        again = kept(local, stored)
        assert again.publishes == publishes
        assert (again.wake_at - local.ports.clock.now()).total_seconds() == seconds
    assert local.jobs == [job_of(stored.id)] * 2


def test_a_mail_that_is_not_there_or_was_read_is_left_alone(world: World) -> None:
    take_mail(world.ports, world.ports.ids.new())
    mail = came(world, reply("ok", Precedence="bulk"))
    take_mail(world.ports, mail.id)
    assert kept(world, mail) == mail
    assert mail.state is MailState.IGNORED


def fail_by(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a reply raise this as it is read."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(taking, "answer_by_mail", fail)


def test_what_became_of_a_mail_stands_in_the_log(world: World) -> None:
    stored = store_mail(world.ports, reply("ok", Precedence="bulk"))
    with capture_logs() as lines:
        take_all(world)
    mail = kept(world, stored)
    assert mail.reason
    told = {"event": "mail settled", "mail_id": mail.id, "state": "IGNORED", "reason": mail.reason}
    assert lines == [{**told, "log_level": "info"}]


def test_a_mail_that_this_process_cannot_read_waits_for_another(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = UnreadableHere("another key")
    fail_by(error, monkeypatch)
    stored = store_mail(world.ports, reply("ok"))
    with capture_logs() as lines:
        take_all(world)
    mail = kept(world, stored)
    assert mail.state is MailState.WAITING
    told = {"event": "mail waits for another process", "mail_id": mail.id}
    assert lines == [{**told, "reason": error.message, "log_level": "warning"}]


@pytest.mark.parametrize(
    ("error", "reason", "logged"),
    [
        (Unreadable("it is damaged"), "it is damaged", ["mail settled"]),
        (
            ZeroDivisionError("a secret"),
            "It failed (ZeroDivisionError): the log says more.",
            ["mail failed unexpectedly", "mail settled"],
        ),
    ],
)
def test_a_mail_that_nobody_can_read_is_given_up(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    reason: str,
    logged: list[str],
) -> None:
    fail_by(error, monkeypatch)
    stored = store_mail(world.ports, reply("ok"))
    with capture_logs() as lines:
        take_all(world)
    mail = kept(world, stored)
    assert (mail.state, mail.reason) == (MailState.UNREADABLE, reason)
    assert [each["event"] for each in lines] == logged
    assert {each["mail_id"] for each in lines} == {mail.id}


@pytest.mark.parametrize("sender", ["Crews <crews@crews.example>", "crews@crews.example"])
def test_a_mail_of_our_own_address_is_ignored(world: World, sender: str) -> None:
    world.ports = replace(world.ports, mail=MailIdentity(sender, DOMAIN))
    ask(world, world.halted())
    assert came(world, reply("ok", sender="crews@crews.example")).state is MailState.IGNORED


def test_without_an_address_of_our_own_replies_are_read(world: World) -> None:
    world.ports = replace(world.ports, mail=None)
    ask(world, world.halted())
    assert came(world, reply("ok")).state is MailState.TAKEN


class Prover:
    """Keeps what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, str]] = []

    def prove(self, raw: bytes, domain: str) -> SenderProof:
        self.asked.append((raw, domain))
        return SenderProof.PASSED


@pytest.mark.parametrize("check", [SenderCheck.WARN, SenderCheck.REQUIRE])
def test_a_proof_is_of_the_mail_as_it_came(local: World, check: SenderCheck) -> None:
    prover = Prover()
    local.ports = replace(local.ports, replies=Replies(check, prover, domain=DOMAIN))
    ask(local, local.halted())
    raw = reply("ok")
    assert came(local, raw).state is MailState.TAKEN
    assert prover.asked == [(raw, "example.com")]


def test_where_nobody_can_prove_anything_nothing_is_proven(local: World) -> None:
    local.ports = replace(local.ports, replies=Replies(SenderCheck.REQUIRE, None, domain=DOMAIN))
    ask(local, local.halted())
    assert came(local, reply("ok")).state is MailState.REFUSED


def test_mails_are_listed_the_newest_first(local: World, later: Later) -> None:
    ids = []
    for text in ("one", "two", "three"):
        ids.append(kept(local, store_mail(local.ports, reply(text))).id)
        later(1)
    found = list_mails(local.ports, MailFilter(state=MailState.WAITING), None, 2)
    assert [each.id for each in found] == [ids[2], ids[1]]
    assert list_mails(local.ports, MailFilter(state=MailState.TAKEN), None, 2) == ()
    rest = list_mails(local.ports, MailFilter(), found[-1], 2)
    assert [each.id for each in rest] == [ids[0]]
    assert TOKEN not in str(found)

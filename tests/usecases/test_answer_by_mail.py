"""A reply to the mail that asked decides, once; what else comes in decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from policies import BEN, policy, token_of
from replies import ANN, DOMAIN, TOKEN, ask, came, reply, take_all, takes_replies, told
from structlog.testing import capture_logs
from world import WorkerDied, World

from orchestrator.domain.inbound_mail import LARGEST_MAIL, MailState, WhyRefused
from orchestrator.domain.mail_reply import Reply, SenderProof
from orchestrator.domain.permission import EVERYWHERE
from orchestrator.domain.recipient import Recipient
from orchestrator.domain.review import Review, ReviewState
from orchestrator.errors import DatabaseAway, TooLarge, Transient
from orchestrator.jobs import TAKE_MAIL
from orchestrator.ports import MailFilter, Replies, SenderCheck, Transaction
from orchestrator.usecases.intake import take_mail as taking
from orchestrator.usecases.intake.take_mail import Envelope, store_mail, take_mail
from orchestrator.usecases.operations.purge import purge
from orchestrator.usecases.operations.sweep import sweep
from orchestrator.usecases.reviews import answer_by_mail as answering
from orchestrator.usecases.reviews.answer_by_mail import MOST_EXPLANATIONS, answer_by_mail
from orchestrator.usecases.reviews.locked_review import Act
from orchestrator.usecases.reviews.reassign import reassign
from orchestrator.usecases.reviews.respond import respond_with

TAKEN, IGNORED, REFUSED = MailState.TAKEN, MailState.IGNORED, MailState.REFUSED
NOT_TAKEN = "A reply from eve@example.com was not taken"
QUOTE = (
    "\r\n\r\nOn Tue, Nov 24, 2026 at 10:12 AM Crews <crews@crews.example> wrote:\r\n\r\n> The tide"
)


@pytest.fixture
def world(a_world_of_each: Callable[..., World]) -> World:
    return takes_replies(a_world_of_each("write?", "send"))


def review_of(world: World, execution_id: str) -> Review:
    return world.ports.store.read(lambda tx: tx.reviews.of(execution_id))[0]


@pytest.mark.parametrize(
    ("text", "approved", "words"),
    [
        ("Approve", True, ""),
        ("approved.\r\n\r\nBut mind the moon.", True, "But mind the moon."),
        ("Reject!\r\nToo long.", False, "Too long."),
        ("Approve it, I'd say", False, "Approve it, I'd say"),
        ("Shorter, please.\r\nok", False, "Shorter, please.\nok"),
    ],
)
def test_a_reply_decides_as_it_says(world: World, text: str, *, approved: bool, words: str) -> None:
    execution_id = world.halted()
    ask(world, execution_id)

    mail = came(world, reply(text + QUOTE))

    review = review_of(world, execution_id)
    assert (mail.state, mail.reason, mail.review_id) == (TAKEN, None, review.id)
    assert (review.state, review.approved) == (ReviewState.ANSWERED, approved)
    assert (review.words, review.channel) == (words, "mail")
    assert (review.actor, review.reviewer) == (f"person:{ANN}", ANN)
    assert told(world, execution_id) == []


@pytest.mark.parametrize(
    ("address", "header"),
    [
        (f"Reply+{TOKEN.upper()}@{DOMAIN.upper()}", "To"),
        (f"reply+{TOKEN}@{DOMAIN}", "Cc"),
        (f"reply+{TOKEN}@{DOMAIN}", "Delivered-To"),
        (f"reply+{TOKEN}@{DOMAIN}", "X-Original-To"),
    ],
)
def test_the_token_is_found_wherever_the_address_stands(
    world: World, address: str, header: str
) -> None:
    ask(world, world.halted())
    headers = {"To": "crews@crews.example", header: address}
    assert came(world, reply("ok", **headers)).state is TAKEN


def test_a_sender_is_known_in_the_form_that_mails_have(world: World) -> None:
    execution_id = world.halted()
    ask(world, execution_id, address="ann@bücher.example")
    assert came(world, reply("ok", sender="ann@xn--bcher-kva.example")).state is TAKEN


def test_the_envelope_counts_too(world: World) -> None:
    ask(world, world.halted())
    envelope = Envelope(ANN, (f"reply+{TOKEN}@{DOMAIN}",))
    stored = store_mail(world.ports, reply("ok", To="undisclosed-recipients:;"), envelope)
    assert stored
    take_all(world)
    kept = world.ports.store.read(lambda tx: tx.mails.page(MailFilter(state=TAKEN), None, 5))
    assert [mail.id for mail in kept] == [stored.id]


def test_the_same_mail_is_kept_once(world: World) -> None:
    execution_id = world.halted()
    ask(world, execution_id)
    raw = reply("Shorter")
    assert came(world, raw).state is TAKEN
    assert store_mail(world.ports, raw) is None
    without_id = reply("Shorter", Message_ID="")
    assert store_mail(world.ports, without_id)
    assert store_mail(world.ports, without_id) is None


def older(days: float) -> Callable[[Recipient], Recipient]:
    return lambda asked: replace(asked, created_at=asked.created_at - timedelta(days=days))


def change(world: World, asked: Recipient, how: Callable[[Recipient], Recipient]) -> None:
    world.ports.store.transact(lambda tx: tx.recipients.save(asked, how(asked)))


@pytest.mark.parametrize(
    ("how", "notice", "reason"),
    [
        (
            {"sender": "eve@example.com"},
            "refused",
            f"{NOT_TAKEN}: this review was put to {ANN}, who may hand it on.",
        ),
        ({"text": QUOTE}, "refused", "The reply says nothing above what it quotes."),
        (
            {"asked": older(7.1)},
            "refused",
            "Replies count for 7 days, or until the review's deadline where that is later.",
        ),
        (
            {"asked": lambda who: who.delegate("bob@example.com")},
            "closed",
            "Nothing waits for ann@example.com any more (delegated).",
        ),
    ],
)
def test_what_does_not_decide_is_explained_to_whoever_was_asked(
    world: World, how: dict[str, Any], notice: str, reason: str
) -> None:
    execution_id = world.halted()
    asked = ask(world, execution_id)
    change(world, asked, how.get("asked", lambda who: who))
    said = {name: value for name, value in how.items() if name != "asked"}

    mail = came(world, reply(**{"text": "Approve", **said}))

    assert (mail.state, mail.told, mail.reason) == (REFUSED, ANN, reason)
    review = review_of(world, execution_id)
    assert review.is_open
    about = (mail.deployment, mail.execution_id, mail.review_id)
    assert about == ("crew", execution_id, review.id)
    [body] = told(world, execution_id)
    assert (body["notice"], body["to"], body["reason"]) == (notice, ANN, mail.reason)
    assert body["recipient_id"] == asked.id


def test_a_review_that_was_answered_otherwise_is_said_to_be_closed(world: World) -> None:
    execution_id = world.halted()
    ask(world, execution_id)
    world.answer(execution_id, "write", approve=True)
    mail = came(world, reply("Reject"))
    assert mail.state is REFUSED
    assert [body["notice"] for body in told(world, execution_id)] == ["closed"]
    assert review_of(world, execution_id).approved is True


def test_another_verdict_after_one_that_counted_is_explained(world: World) -> None:
    execution_id = world.halted()
    ask(world, execution_id)
    assert came(world, reply("Approve")).state is TAKEN
    assert came(world, reply("Reject")).state is REFUSED
    assert [body["notice"] for body in told(world, execution_id)] == ["closed"]
    assert review_of(world, execution_id).approved is True


def test_another_verdict_while_others_have_to_decide_is_explained(
    a_world: Callable[..., World],
) -> None:
    world = takes_replies(a_world("write?", review_policy=policy(ANN, BEN, decisions=2)))
    execution_id = world.halted()
    token = token_of(world, review_of(world, execution_id), ANN)
    assert came(world, reply("Approve", token=token)).state is TAKEN
    assert came(world, reply("Reject", token=token)).state is REFUSED
    [body] = told(world, execution_id)
    assert body["reason"] == f"Nothing waits for {ANN} any more (voted)."


def test_who_is_asked_anew_may_reply_to_either_mail(a_world_of_each: Callable[..., World]) -> None:
    world = takes_replies(a_world_of_each("write?", review_policy=policy(ANN, BEN, decisions=2)))
    review = review_of(world, world.halted())
    token = token_of(world, review, ANN)
    assert came(world, reply("Approve", token=token)).state is TAKEN
    reassign(world.ports, Act(review.id, EVERYWHERE, "tests"), [ANN, BEN])
    assert came(world, reply("Approve, still", token=token)).state is TAKEN
    assert votes(world, review) == [None, "Approve, still"]


def votes(world: World, review: Review) -> list[str | None]:
    """What Ann said, each time that she was asked."""
    asked = world.ports.store.read(lambda tx: tx.recipients.of([review.id]))
    return [each.words or None for each in asked if each.address == ANN]


def test_a_vote_that_is_void_does_not_come_back_with_its_mail(
    a_world: Callable[..., World],
) -> None:
    world = takes_replies(a_world("write?", review_policy=policy(ANN, BEN, decisions=2)))
    review = review_of(world, world.halted())
    stored = store_mail(world.ports, reply("Approve", token=token_of(world, review, ANN)))
    reassign(world.ports, Act(review.id, EVERYWHERE, "tests"), [ANN, BEN])
    take_all(world)
    assert stored
    assert world.ports.store.read(lambda tx: tx.mails.get(stored.id)).state is REFUSED
    assert votes(world, review) == [None, None]


def test_words_that_could_not_be_weighed_may_be_sent_again(a_flow: Callable[..., World]) -> None:
    world = takes_replies(a_flow("loop", review_policy=policy(ANN)))
    execution_id = world.halted()
    token = token_of(world, review_of(world, execution_id), ANN)
    for meant in (None, "go"):
        world.runner.says = meant
        assert came(world, reply("Well then.", token=token)).state is TAKEN
        world.work()
    assert review_of(world, execution_id).outcome == "go"


def test_a_reply_that_begins_with_an_option_chooses_it(a_flow: Callable[..., World]) -> None:
    world = takes_replies(a_flow("loop", review_policy=policy(ANN)))
    execution_id = world.halted()
    token = token_of(world, review_of(world, execution_id), ANN)
    assert came(world, reply("revise\r\nShorter", token=token)).state is TAKEN
    review = review_of(world, execution_id)
    assert (review.outcome, review.words, review.weighing) == ("revise", "Shorter", False)


def test_a_deadline_that_is_later_keeps_the_token_good(world: World) -> None:
    execution_id = world.halted()
    change(world, ask(world, execution_id), older(30))

    def prolong(tx: Transaction) -> None:
        review = tx.reviews.of(execution_id)[0]
        tx.reviews.save(review, replace(review, expires_at=tx.now() + timedelta(days=1)))

    world.ports.store.transact(prolong)
    assert came(world, reply("ok")).state is TAKEN


def test_explanations_are_few(world: World) -> None:
    execution_id = world.halted()
    ask(world, execution_id)
    kept = [came(world, reply("ok", sender=f"eve{n}@example.com")) for n in range(5)]
    assert [mail.told for mail in kept] == [ANN, ANN, ANN, None, None]
    assert len(told(world, execution_id)) == 3


def test_a_token_that_nobody_got_is_answered_with_silence(world: World) -> None:
    execution_id = world.halted()
    ask(world, execution_id)
    mail = came(world, reply("ok", token=TOKEN[::-1]))
    assert (mail.state, mail.told, mail.execution_id) == (REFUSED, None, None)
    assert mail.reason == "Nobody was asked by the mail that it answers."
    assert told(world, execution_id) == []


def test_after_an_hour_there_are_explanations_again(
    a_world: Callable[..., World], later: Callable[[float], None]
) -> None:
    world = takes_replies(a_world("write?"))
    later(0)
    ask(world, world.halted())
    for _ in range(MOST_EXPLANATIONS):
        came(world, reply("ok", sender="eve@example.com"))
    assert came(world, reply("ok", sender="eve@example.com")).told is None
    later(3601)
    assert came(world, reply("ok", sender="eve@example.com")).told == ANN


def test_where_no_mail_is_sent_nothing_is_explained(a_world: Callable[..., World]) -> None:
    world = takes_replies(a_world("write?"))
    world.ports = replace(world.ports, mail=None)
    execution_id = world.halted()
    ask(world, execution_id)
    mail = came(world, reply("ok", sender="eve@example.com"))
    assert (mail.state, mail.told, told(world, execution_id)) == (REFUSED, None, [])


def test_a_mail_that_two_workers_refuse_at_once_is_explained_once(
    a_world: Callable[..., World],
) -> None:
    world = takes_replies(a_world("write?"))
    execution_id = world.halted()
    ask(world, execution_id)
    mail = store_mail(world.ports, reply("ok", sender="eve@example.com"))
    assert mail
    said = Reply(TOKEN, "eve@example.com", "ok")
    for _ in range(2):
        answer_by_mail(world.ports, mail, said, lambda: SenderProof.NONE)
    assert len(told(world, execution_id)) == 1


def test_the_log_says_which_mail_answered_what(a_world: Callable[..., World]) -> None:
    world = takes_replies(a_world("write?"))
    world.ports = replace(
        world.ports, replies=Replies(SenderCheck.WARN, Prover(SenderProof.FAILED), domain=DOMAIN)
    )
    execution_id = world.halted()
    ask(world, execution_id)
    with capture_logs() as lines:
        mail = came(world, reply("ok"))
    review = review_of(world, execution_id)
    answered = {"event": "review answered by mail", "mail_id": mail.id, "review_id": review.id}
    unproven = {"event": "mail without proof of its sender", "mail_id": mail.id, "proof": "failed"}
    assert {**answered, "log_level": "info"} in lines
    assert {**unproven, "log_level": "warning"} in lines


class Prover:
    def __init__(self, proof: SenderProof) -> None:
        self.proof = proof

    def prove(self, _raw: bytes, domain: str) -> SenderProof:
        assert domain == "example.com"
        return self.proof


@pytest.mark.parametrize(
    ("check", "proof", "state"),
    [
        (SenderCheck.OFF, SenderProof.FAILED, TAKEN),
        (SenderCheck.WARN, SenderProof.FAILED, TAKEN),
        (SenderCheck.REQUIRE, SenderProof.FAILED, REFUSED),
        (SenderCheck.REQUIRE, SenderProof.NONE, REFUSED),
        (SenderCheck.REQUIRE, SenderProof.PASSED, TAKEN),
    ],
)
def test_a_proof_is_asked_for_as_the_setting_says(
    a_world: Callable[..., World], check: SenderCheck, proof: SenderProof, state: MailState
) -> None:
    world = takes_replies(a_world("write?"))
    world.ports = replace(world.ports, replies=Replies(check, Prover(proof), domain=DOMAIN))
    ask(world, world.halted())
    assert came(world, reply("ok")).state is state


class SilentDns:
    def prove(self, _raw: bytes, _domain: str) -> SenderProof:
        raise Transient


def test_a_dns_that_is_silent_keeps_a_mail_only_where_a_proof_is_required(
    a_world: Callable[..., World],
) -> None:
    world = takes_replies(a_world("write?"))
    ask(world, world.halted())
    world.ports = replace(
        world.ports, replies=Replies(SenderCheck.REQUIRE, SilentDns(), domain=DOMAIN)
    )
    with pytest.raises(Transient):
        came(world, reply("ok"))
    [mail] = world.ports.store.read(
        lambda tx: tx.mails.page(MailFilter(state=MailState.WAITING), None, 5)
    )
    world.ports = replace(
        world.ports, replies=Replies(SenderCheck.WARN, SilentDns(), domain=DOMAIN)
    )
    take_mail(world.ports, mail.id)
    assert world.ports.store.read(lambda tx: tx.mails.page(MailFilter(state=TAKEN), None, 5))


def test_a_mail_of_a_stranger_has_nobody_ask_the_dns(a_world: Callable[..., World]) -> None:
    world = takes_replies(a_world("write?"))
    ask(world, world.halted())
    world.ports = replace(
        world.ports, replies=Replies(SenderCheck.REQUIRE, SilentDns(), domain=DOMAIN)
    )
    assert came(world, reply("ok", token=TOKEN[::-1])).why is WhyRefused.NOT_ASKED
    assert came(world, reply("ok", sender="eve@example.com")).why is WhyRefused.OTHER_SENDER


def test_a_dns_that_stays_silent_for_a_day_proves_nothing(
    a_world: Callable[..., World], later: Callable[[float], None]
) -> None:
    world = takes_replies(a_world("write?"))
    ask(world, world.halted())
    world.ports = replace(
        world.ports, replies=Replies(SenderCheck.REQUIRE, SilentDns(), domain=DOMAIN)
    )
    stored = store_mail(world.ports, reply("ok"))
    assert stored
    later(86_400)
    take_mail(world.ports, stored.id)
    mail = world.ports.store.read(lambda tx: tx.mails.get(stored.id))
    assert mail
    assert (mail.why, mail.told) == (WhyRefused.UNPROVEN, ANN)
    assert mail.reason == "Nothing proves that the reply comes from its sender's domain."


def test_automatic_mails_are_ignored_and_nobody_is_told(world: World) -> None:
    execution_id = world.halted()
    ask(world, execution_id)
    mail = came(world, reply("ok", Auto_Submitted="auto-replied"))
    assert (mail.state, told(world, execution_id)) == (IGNORED, [])
    assert review_of(world, execution_id).is_open


def test_a_mail_of_our_own_is_ignored(world: World) -> None:
    ask(world, world.halted())
    assert came(world, reply("ok", sender="crews@crews.example")).state is IGNORED


def test_a_worker_that_dies_after_the_answer_leaves_the_mail_to_another(world: World) -> None:
    execution_id = world.halted()
    ask(world, execution_id)

    def die(place: str) -> None:
        if place == "after-mail-answer":
            raise WorkerDied

    living = world.ports
    world.ports = replace(living, crash_point=die)
    with pytest.raises(WorkerDied):
        came(world, reply("Shorter"))
    world.ports = living
    [mail] = living.store.read(
        lambda tx: tx.mails.page(MailFilter(state=MailState.WAITING), None, 5)
    )

    take_mail(living, mail.id)

    [mail] = living.store.read(lambda tx: tx.mails.page(MailFilter(), None, 5))
    assert (mail.state, told(world, execution_id)) == (TAKEN, [])
    answered = living.store.read(lambda tx: tx.reviews.of(execution_id))
    assert [each.words for each in answered] == ["Shorter"]


def test_a_mail_whose_job_was_lost_is_read_after_a_minute(
    a_world: Callable[..., World], later: Callable[[float], None]
) -> None:
    world = takes_replies(a_world("write?"))
    ask(world, world.halted())
    stored = store_mail(world.ports, reply("ok"))
    assert stored
    world.jobs.clear()
    sweep(world.ports)
    assert world.jobs == []
    later(61)
    assert sweep(world.ports).mails == 1
    assert sweep(world.ports).mails == 0
    take_all(world)
    [mail] = world.ports.store.read(lambda tx: tx.mails.page(MailFilter(), None, 5))
    assert (mail.state, mail.publishes) == (TAKEN, 2)


def test_a_database_that_is_away_leaves_the_mail_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DatabaseAway

    ask(world, world.halted())
    monkeypatch.setattr(taking, "answer_by_mail", fail)
    with pytest.raises(DatabaseAway):
        came(world, reply("ok"))
    monkeypatch.undo()
    [mail] = world.ports.store.read(
        lambda tx: tx.mails.page(MailFilter(state=MailState.WAITING), None, 5)
    )
    take_mail(world.ports, mail.id)
    assert world.ports.store.read(lambda tx: tx.mails.page(MailFilter(state=TAKEN), None, 5))


def test_what_nobody_foresaw_is_kept_for_people(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(taking, "answer_by_mail", fail)
    mail = came(world, reply("ok"))
    assert mail.state is MailState.UNREADABLE
    assert mail.reason == "It failed (ZeroDivisionError): the log says more."
    assert mail.raw


def test_a_mail_that_is_too_large_is_not_kept(a_world: Callable[..., World]) -> None:
    with pytest.raises(TooLarge):
        store_mail(a_world("write").ports, b"x" * (LARGEST_MAIL + 1))


def test_many_replies_at_once_are_all_taken_once(world: World) -> None:
    tokens = [f"{n:032d}".translate(str.maketrans("0189", "abcd")) for n in range(200)]
    asked = [world.halted() for _ in range(20)]
    for execution_id, token in zip(asked, tokens, strict=False):
        ask(world, execution_id, token=token)
    raws = [reply(f"words {n}", token=tokens[n]) for n in range(20) for _ in range(2)]
    with ThreadPoolExecutor(8) as pool:
        stored = [mail for mail in pool.map(lambda raw: store_mail(world.ports, raw), raws) if mail]
        jobs = [job for job in world.jobs if job.name == TAKE_MAIL]
        list(pool.map(lambda job: take_mail(world.ports, job.arguments["mail_id"]), jobs * 2))

    assert len(stored) == 40
    for n, execution_id in enumerate(asked):
        review = review_of(world, execution_id)
        assert (review.state, review.words) == (ReviewState.ANSWERED, f"words {n}")
    kept = world.ports.store.read(lambda tx: tx.mails.page(MailFilter(state=TAKEN), None, 100))
    assert len({mail.execution_id for mail in kept}) == 20


def test_a_mail_that_two_workers_have_at_once_is_taken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def respond_after_the_other_worker(*said: Any) -> None:
        respond_with(*said)
        respond_with(*said)

    execution_id = world.halted()
    ask(world, execution_id)
    monkeypatch.setattr(answering, "respond_with", respond_after_the_other_worker)
    assert came(world, reply("Shorter")).state is TAKEN
    assert review_of(world, execution_id).words == "Shorter"
    assert told(world, execution_id) == []


def test_a_reply_that_comes_second_by_a_moment_is_said_to_be_too_late(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution_id = world.halted()
    ask(world, execution_id)

    def respond_after_somebody_else(*said: Any) -> None:
        world.answer(execution_id, "write", approve=True)
        respond_with(*said)

    monkeypatch.setattr(answering, "respond_with", respond_after_somebody_else)
    mail = came(world, reply("Reject"))
    assert (mail.state, mail.why) == (REFUSED, WhyRefused.CLOSED)
    assert mail.reason == review_of(world, execution_id).summary()
    assert [body["notice"] for body in told(world, execution_id)] == ["closed"]


def test_a_vote_by_mail_that_was_not_noted_counts_once(a_world: Callable[..., World]) -> None:
    world = takes_replies(a_world("write?", review_policy=policy(ANN, BEN, decisions=2)))
    execution_id = world.halted()
    token = token_of(world, review_of(world, execution_id), ANN)

    def die(place: str) -> None:
        if place == "after-mail-answer":
            raise WorkerDied

    living = world.ports
    world.ports = replace(living, crash_point=die)
    mail = store_mail(living, reply("Approve", token=token))
    assert mail
    with pytest.raises(WorkerDied):
        take_mail(world.ports, mail.id)
    take_mail(living, mail.id)
    kept = living.store.read(lambda tx: tx.mails.get(mail.id))
    assert kept
    assert (kept.state, told(world, execution_id)) == (TAKEN, [])


def test_mails_go_when_their_execution_is_purged(
    world: World, later: Callable[[float], None]
) -> None:
    execution_id = world.halted()
    ask(world, execution_id)
    came(world, reply("ok"))
    came(world, reply("ok", Precedence="bulk"))
    world.work()
    world.ports = replace(world.ports, keep_finished=timedelta(microseconds=1))
    later(1)

    purge(world.ports)

    [mail] = world.ports.store.read(lambda tx: tx.mails.page(MailFilter(), None, 5))
    whole = world.ports.store.read(lambda tx: tx.mails.get(mail.id))
    assert whole
    assert (whole.state, whole.raw, whole.sender) == (TAKEN, None, None)


def test_a_reply_after_the_purge_is_refused_and_goes_in_its_turn(
    world: World, later: Callable[[float], None]
) -> None:
    execution_id = world.halted()
    ask(world, execution_id)
    came(world, reply("ok"))
    world.work()
    world.ports = replace(world.ports, keep_finished=timedelta(microseconds=1))
    later(1)
    purge(world.ports)

    late = came(world, reply("Reject\r\nIt was wrong."))
    assert (late.state, late.why) == (REFUSED, WhyRefused.CLOSED)
    assert told(world, execution_id) == []
    later(1)
    purge(world.ports)
    assert world.ports.store.read(lambda tx: tx.mails.get(late.id)) is None

"""Signing in to the inbox, with a token, as a person and by a link in a mail; and out again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest
from mails import MailServer, letterhead
from policies import ANN, BEN, policy
from structlog.testing import capture_logs
from world import World

from orchestrator.adapters.smtp.sender import MailSender
from orchestrator.domain.permission import Grants, Permission, Rights
from orchestrator.domain.session import IDLE, LINK_LIVES, LONGEST, SEEN_AGAIN, Session, SignInLink
from orchestrator.domain.token import hash_of
from orchestrator.errors import NotFound, Transient, Unauthorized
from orchestrator.jobs import send_link as job_of
from orchestrator.ports import MailIdentity
from orchestrator.settings.mail import Relay, Security
from orchestrator.usecases.access import sign_in_links
from orchestrator.usecases.access.sessions import (
    Principal,
    sign_in,
    sign_in_person,
    sign_out,
    sign_out_everywhere,
    who_is_signed_in,
)
from orchestrator.usecases.access.sign_in_links import (
    MOST_LIVE,
    ask_for_link,
    can_send_links,
    look_at_link,
    publish_link_again,
    send_link,
    use_link,
)
from orchestrator.usecases.access.tokens import create_token, revoke_token
from orchestrator.usecases.operations.audit import newest_entries

Later = Callable[[float], None]
SITE = "https://crews.example"
BENS = Rights(by_deployment={"crew": Permission.VIEW}, person=BEN, by_address=True)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def world(a_world_of_each: Callable[..., World], server: MailServer) -> World:
    """Ann is asked in reviews; Ben may look at the deployment; mail goes to a real server."""
    return sends_links(a_world_of_each, server)


@pytest.fixture
def local(a_world: Callable[..., World], server: MailServer, later: Later) -> World:
    """The same where time passes as the test says."""
    later(0)
    return sends_links(a_world, server)


def sends_links(make: Callable[..., World], server: MailServer) -> World:
    grants = Grants({BEN: Permission.VIEW})
    made = make("write?", review_policy=policy(ANN), grants=grants)
    relay = Relay("127.0.0.1", server.port, Security.OFF)
    sender = MailSender(relay, letterhead(public_url=SITE))
    mail = MailIdentity("Crews <crews@example.com>")
    made.ports = replace(made.ports, sender=sender, mail=mail, public_url=SITE)
    return made


def is_in(world: World, *secrets: str) -> list[bool]:
    return [who_is_signed_in(world.ports, each) is not None for each in secrets]


def session_of(world: World, secret: str) -> Session | None:
    return world.ports.store.read(lambda tx: tx.sessions.by_hash(hash_of(secret)))


# Sessions ---------------------------------------------------------------------------------------


def test_a_session_has_the_rights_of_its_token_for_as_long_as_that_is_live(world: World) -> None:
    token, secret = create_token(world.ports, "desk", "crew")
    with capture_logs() as lines:
        session = sign_in(world.ports, secret)
    expected = Principal("token desk", "token:desk", token.rights, token.id)
    assert who_is_signed_in(world.ports, session) == expected
    assert lines == [{"event": "signed in to the inbox", "token": "desk", "log_level": "info"}]
    revoke_token(world.ports, token.id)
    assert is_in(world, session) == [False]


def test_whoever_signs_in_with_a_token_of_their_own_is_known_by_their_address(
    world: World,
) -> None:
    token, secret = create_token(world.ports, "ann's", None, person=ANN)
    found = who_is_signed_in(world.ports, sign_in(world.ports, secret))
    assert found == Principal(ANN, f"person:{ANN}", token.rights, token.id)


def test_a_person_has_what_the_deployments_give(world: World) -> None:
    with capture_logs() as lines:
        session = sign_in_person(world.ports, BEN)
    assert who_is_signed_in(world.ports, session) == Principal(BEN, f"person:{BEN}", BENS)
    assert lines == [{"event": "signed in to the inbox", "person": BEN, "log_level": "info"}]
    stranger = who_is_signed_in(world.ports, sign_in_person(world.ports, ANN))
    assert stranger
    assert stranger.rights == Rights(person=ANN, by_address=True)


def test_what_is_no_secret_of_a_session_is_nobody(world: World) -> None:
    _, secret = create_token(world.ports, "desk")
    assert is_in(world, "", "wrong", secret) == [False] * 3
    assert who_is_signed_in(world.ports, None) is None
    with pytest.raises(Unauthorized):
        sign_in(world.ports, "wrong")


def test_whoever_signs_in_again_has_one_session(world: World) -> None:
    _, secret = create_token(world.ports, "desk")
    first = sign_in(world.ports, secret)
    other = sign_in(world.ports, secret)
    second = sign_in(world.ports, secret, first)
    third = sign_in_person(world.ports, BEN, second)
    assert is_in(world, first, second, third, other) == [False, False, True, True]


def test_signing_out_ends_one_session(world: World) -> None:
    here, there = (sign_in_person(world.ports, BEN) for _ in range(2))
    sign_out(world.ports, here)
    assert is_in(world, here, there) == [False, True]


def test_signing_somebody_out_everywhere_is_noted_with_how_many_sessions_that_ended(
    world: World,
) -> None:
    bens = [sign_in_person(world.ports, BEN) for _ in range(2)]
    anns = sign_in_person(world.ports, ANN)
    assert sign_out_everywhere(world.ports, BEN, "cli:eve") == 2
    assert is_in(world, *bens, anns) == [False, False, True]
    (entry,) = newest_entries(world.ports, 10)
    assert (entry.actor, entry.event, entry.subject_id) == ("cli:eve", "session.end", BEN)
    assert (entry.deployment, entry.details) == (None, {"sessions": 2})


def test_a_session_that_is_used_goes_on_and_its_use_is_seldom_written(
    local: World, later: Later
) -> None:
    secret = sign_in_person(local.ports, BEN)
    began = session_of(local, secret)
    later(SEEN_AGAIN.total_seconds() - 1)
    assert is_in(local, secret) == [True]
    assert session_of(local, secret) == began
    for _ in range(2):
        later(IDLE.total_seconds() - 60)
        assert is_in(local, secret) == [True]
        seen = session_of(local, secret)
        assert seen
        assert seen.seen_at == local.ports.clock.now()
    later(IDLE.total_seconds())
    assert is_in(local, secret) == [False]


def test_a_session_that_has_expired_is_deleted_with_the_next_one(
    local: World, later: Later
) -> None:
    secret = sign_in_person(local.ports, BEN)
    later(LONGEST.total_seconds() - 1)
    sign_in_person(local.ports, BEN)
    assert session_of(local, secret)
    later(2)
    sign_in_person(local.ports, BEN)
    assert session_of(local, secret) is None


# Links ------------------------------------------------------------------------------------------


def asked(world: World, address: str = BEN) -> SignInLink:
    """Somebody asks for a link."""
    ask_for_link(world.ports, address, "/inbox/done")
    link = world.ports.store.read(
        lambda tx: tx.sign_in_links.get(world.jobs[-1].arguments["link_id"])
    )
    assert link
    return link


def now_of(world: World, link: SignInLink) -> SignInLink | None:
    """The link as it is by now."""
    return world.ports.store.read(lambda tx: tx.sign_in_links.get(link.id))


def mailed(server: MailServer) -> str:
    """The secret in the last mail."""
    body = server.taken[-1].get_body(("plain",))
    assert body is not None
    (found,) = re.findall(rf"{SITE}/inbox/sign-in/(\S+)", body.get_content())
    return str(found)


@pytest.mark.parametrize("missing", [{}, {"mail": None}, {"public_url": None}])
def test_links_are_sent_where_there_is_a_mail_server_and_an_address_of_the_pages(
    local: World, missing: dict[str, None]
) -> None:
    ports = replace(local.ports, **missing)
    assert can_send_links(ports) is (not missing)


def test_a_link_signs_in_once_whoever_it_was_sent_to(world: World, server: MailServer) -> None:
    link = asked(world)
    assert world.jobs == [job_of(link.id)]
    assert (link.address, link.leads_to) == (BEN, "/inbox/done")
    send_link(world.ports, link.id)
    assert server.recipients == [BEN]
    secret = mailed(server)
    assert look_at_link(world.ports, secret).id == link.id
    before = sign_in_person(world.ports, ANN)
    with capture_logs() as lines:
        used, session = use_link(world.ports, secret, before)
    told = {"event": "signed in to the inbox by a link", "person": BEN}
    assert lines == [{**told, "log_level": "info"}]
    assert used.id == link.id
    assert is_in(world, session, before) == [True, False]
    assert who_is_signed_in(world.ports, session) == Principal(BEN, f"person:{BEN}", BENS)
    for use in (look_at_link, use_link):
        with pytest.raises(Unauthorized):
            use(world.ports, secret)
        with pytest.raises(Unauthorized):
            use(world.ports, "wrong")


def test_a_link_s_mail_says_for_how_long_it_works(local: World, server: MailServer) -> None:
    send_link(local.ports, asked(local).id)
    (mail,) = server.taken
    assert "works once, in the next 15 minutes" in str(mail)
    assert re.fullmatch(r"<[0-9a-f-]{36}@example\.com>", mail["Message-ID"])
    sent_at = local.ports.clock.now().replace(microsecond=0)
    assert parsedate_to_datetime(mail["Date"]) == sent_at


def test_a_link_that_was_not_used_in_time_is_worth_nothing(
    local: World, server: MailServer, later: Later
) -> None:
    send_link(local.ports, asked(local).id)
    later(LINK_LIVES.total_seconds())
    for use in (look_at_link, use_link):
        with pytest.raises(Unauthorized):
            use(local.ports, mailed(server))


def test_links_whose_time_is_over_are_deleted_with_the_next_one(local: World, later: Later) -> None:
    link = asked(local)
    later(LINK_LIVES.total_seconds())
    asked(local)
    assert now_of(local, link)
    later(1)
    asked(local)
    assert now_of(local, link) is None


def test_one_address_may_have_a_few_links_at_a_time(local: World, later: Later) -> None:
    for _ in range(MOST_LIVE + 2):
        ask_for_link(local.ports, BEN, "/inbox")
    assert len(local.jobs) == MOST_LIVE
    ask_for_link(local.ports, ANN, "/inbox")
    assert len(local.jobs) == MOST_LIVE + 1
    later(LINK_LIVES.total_seconds())
    ask_for_link(local.ports, BEN, "/inbox")
    assert len(local.jobs) == MOST_LIVE + 2


def test_all_addresses_together_may_have_so_many_links(
    local: World, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in_links, "MOST_LIVE_OF_ALL", 2)
    for address in (ANN, BEN):
        ask_for_link(local.ports, address, "/inbox")
    with pytest.raises(Transient) as refused:
        ask_for_link(local.ports, ANN, "/inbox")
    assert refused.value.message == (
        "Too many ask for a link just now. Try again in a few minutes."
    )
    later(LINK_LIVES.total_seconds())
    ask_for_link(local.ports, ANN, "/inbox")
    assert len(local.jobs) == 3


def test_who_may_do_nothing_is_sent_no_link(world: World, server: MailServer) -> None:
    link = asked(world, "eve@elsewhere.example")
    with capture_logs() as lines:
        send_link(world.ports, link.id)
    told = {"event": "no link sent: that address may do nothing here", "link_id": link.id}
    assert lines == [{**told, "log_level": "info"}]
    assert (server.taken, now_of(world, link)) == ([], None)


def test_whoever_something_waits_for_is_sent_a_link(world: World, server: MailServer) -> None:
    send_link(world.ports, asked(world, ANN).id)
    assert server.taken == []
    world.halted()
    send_link(world.ports, asked(world, ANN).id)
    send_link(world.ports, asked(world, "eve@elsewhere.example").id)
    assert server.recipients == [ANN]


def test_a_link_is_sent_once_however_often_its_job_comes(local: World, server: MailServer) -> None:
    link = asked(local)
    for _ in range(2):
        send_link(local.ports, link.id)
    assert len(server.taken) == 1
    sent = now_of(local, link)
    assert sent
    assert (sent.sent_at, sent.wake_at) == (local.ports.clock.now(), None)


def test_a_link_whose_time_is_over_is_not_sent(
    local: World, server: MailServer, later: Later
) -> None:
    link = asked(local)
    later(LINK_LIVES.total_seconds())
    send_link(local.ports, link.id)
    assert server.taken == []


def test_a_link_that_nobody_asked_for_is_not_found(local: World) -> None:
    with pytest.raises(NotFound) as unknown:
        send_link(local.ports, local.ports.ids.new())
    assert unknown.value.message == "No link was asked for with that id, or its time is over"


def test_a_process_that_can_send_no_links_leaves_them_to_others(local: World) -> None:
    link = asked(local)
    with pytest.raises(Transient) as left:
        send_link(replace(local.ports, public_url=None), link.id)
    assert left.value.message == (
        "no link is sent from here: it needs a mail server and a public URL"
    )
    assert now_of(local, link) == link


def test_a_link_that_the_mail_server_does_not_take_is_tried_again_with_another_secret(
    local: World, server: MailServer, later: Later
) -> None:
    server.data = ["451 Not now", "250 OK"]
    link = asked(local)
    later(5)
    with pytest.raises(Transient) as failed:
        send_link(local.ports, link.id)
    assert failed.value.message.startswith("the link for signing in was not sent: ")
    assert "451" in failed.value.message
    tried = now_of(local, link)
    assert tried
    assert tried.wake_at == local.ports.clock.now() + timedelta(seconds=10)
    send_link(local.ports, link.id)
    again = now_of(local, link)
    assert again
    assert again.hash == hash_of(mailed(server)) != tried.hash


def test_while_a_link_is_sent_its_job_counts_as_lost_after_a_minute(
    local: World, server: MailServer
) -> None:
    link, seen = asked(local), []

    class Watching:
        def send(self, *mail: object) -> object:
            seen.append(now_of(local, link))
            return sender.send(*mail)  # type: ignore[arg-type]  # handed on as it came

    sender = local.ports.sender
    local.ports = replace(local.ports, sender=Watching())  # type: ignore[arg-type]  # handed on
    send_link(local.ports, link.id)
    (meanwhile,) = seen
    assert meanwhile
    assert meanwhile.wake_at == local.ports.clock.now() + timedelta(minutes=1)
    assert meanwhile.hash == hash_of(mailed(server))


def test_a_link_whose_job_may_be_lost_is_published_again_by_one(local: World, later: Later) -> None:
    link = asked(local)
    later(61)
    local.jobs.clear()
    assert [publish_link_again(local.ports, link) for _ in range(2)] == [True, False]
    assert local.jobs == [job_of(link.id)]
    woken = now_of(local, link)
    assert woken
    assert woken.wake_at == local.ports.clock.now() + timedelta(seconds=61)

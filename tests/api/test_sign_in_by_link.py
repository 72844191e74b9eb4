"""Signing in by a link in a mail: sent to those who may, good once and for a quarter of an hour."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from browser import Browser
from mails import MailServer, letterhead
from policies import ANN, BEN, policy
from post import TurnedClock
from structlog.testing import capture_logs

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.adapters.smtp.sender import MailSender
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.permission import Grants, Permission
from orchestrator.domain.session import LINK_LIVES
from orchestrator.errors import NotFound, Transient
from orchestrator.jobs import MAIL, SEND_LINK
from orchestrator.ports import MailIdentity
from orchestrator.settings.mail import Relay, Security
from orchestrator.usecases.access import sign_in_links
from orchestrator.usecases.access.sign_in_links import send_link
from orchestrator.usecases.operations.sweep import sweep

if TYPE_CHECKING:
    from conftest import Service

SITE = "http://testserver"


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def service(serve: Callable[..., Service], clock: TurnedClock, server: MailServer) -> Service:
    """Ann is asked in reviews; Ben may look at one deployment; mail goes to a real server."""
    crew = Deployment("news", RunnerKind.FUNCTIONS, "api_test_crews:article")
    declared = replace(crew, review_policy=policy(ANN), grants=Grants({BEN: Permission.VIEW}))
    served = serve(DeploymentFile({"news": declared}, "news"), public_url=SITE, clock=clock)
    relay = Relay("127.0.0.1", server.port, Security.OFF)
    sender = MailSender(relay, letterhead(public_url=SITE))
    mail = MailIdentity("Crews <crews@example.com>", None)
    served.ports = replace(served.ports, sender=sender, mail=mail)
    served.clients[0].app.state.ports = served.ports  # type: ignore[attr-defined]
    served.load()
    return served


@pytest.fixture
def browser(service: Service) -> Browser:
    return Browser(service)


def work(service: Service) -> None:
    """A worker sends what was asked for."""
    for job in [each for each in service.jobs if each.name == SEND_LINK]:
        service.jobs.remove(job)
        assert job.queue == MAIL
        send_link(service.ports, **job.arguments)


def ask(browser: Browser, address: str, wanted: str = "") -> str:
    told = browser.send("/inbox/sign-in/mail", address=address, next=wanted)
    assert told.status_code == 200, told.text
    return told.text


def link(server: MailServer) -> str:
    """The path of the link in the last mail."""
    body = server.taken[-1].get_body(("plain",))
    assert body is not None
    (found,) = re.findall(rf"{SITE}(/inbox/sign-in/\S+)", body.get_content())
    return str(found)


def test_a_link_signs_in_whoever_has_the_mail(browser: Browser, server: MailServer) -> None:
    path = f"/inbox/reviews/{'0' * 36}"
    assert "Send me a link" in browser.text("/inbox/sign-in")
    ask(browser, " Ben@Example.com ", path)
    work(browser.service)
    assert server.recipients == [BEN]
    assert "works once, in the next 15 minutes" in str(server.taken[0])
    assert BEN in browser.text(link(server))
    told = browser.send(link(server))
    assert (told.status_code, told.headers["Location"]) == (303, path)
    assert f"Signed in as {BEN}" in browser.text("/inbox") or BEN in browser.text("/inbox")


def test_a_link_works_once(browser: Browser, server: MailServer) -> None:
    ask(browser, BEN)
    work(browser.service)
    with ThreadPoolExecutor(8) as at_once:
        others = [Browser(browser.service) for _ in range(8)]
        told = list(at_once.map(lambda one: one.send(link(server)).status_code, others))
    assert sorted(told) == [303] + [410] * 7
    assert browser.get(link(server)).status_code == 410


def test_a_look_uses_nothing_up(browser: Browser, server: MailServer) -> None:
    ask(browser, BEN)
    work(browser.service)
    for _ in range(3):
        looked = browser.get(link(server))
        assert looked.status_code == 200
        assert "set-cookie" not in looked.headers
        assert looked.headers["Referrer-Policy"] == "same-origin"
    assert browser.client.head(link(server)).status_code == 200
    assert browser.send(link(server)).status_code == 303


def test_its_time_is_over_after_a_quarter_of_an_hour(
    browser: Browser, server: MailServer, clock: TurnedClock
) -> None:
    ask(browser, BEN)
    work(browser.service)
    clock.at += LINK_LIVES
    assert browser.get(link(server)).status_code == 410
    assert browser.send(link(server)).status_code == 410


def test_who_may_do_nothing_gets_no_mail_and_the_same_page(
    browser: Browser, server: MailServer
) -> None:
    known, unknown = ask(browser, BEN), ask(browser, "eve@elsewhere.example")
    assert known.replace(BEN, "") == unknown.replace("eve@elsewhere.example", "")
    ask(browser, ANN)  # nothing waits for her yet
    work(browser.service)
    assert server.recipients == [BEN]
    browser.service.halted("news")
    ask(browser, ANN)
    work(browser.service)
    assert server.recipients == [BEN, ANN]
    browser.send(link(server))
    assert browser.text("/inbox").count("</a> of news") == 1


def test_a_form_of_elsewhere_signs_nobody_in(browser: Browser, server: MailServer) -> None:
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert browser.send("/inbox/sign-in/mail", elsewhere, address=BEN).status_code == 403
    ask(browser, BEN)
    work(browser.service)
    assert browser.send(link(server), elsewhere).status_code == 403
    assert browser.send(link(server)).status_code == 303


@pytest.mark.parametrize("address", ["", "nobody", "<script>@x", "a@b\nBcc: eve@x.example"])
def test_what_is_no_address_is_said(browser: Browser, address: str) -> None:
    told = browser.send("/inbox/sign-in/mail", address=address)
    assert told.status_code == 401
    assert "is no mail address" in told.text
    assert "<script" not in told.text
    assert browser.service.jobs == []


def test_an_address_is_not_flooded(
    browser: Browser, server: MailServer, clock: TurnedClock
) -> None:
    for _ in range(sign_in_links.MOST_LIVE + 3):
        ask(browser, BEN)
    work(browser.service)
    assert len(server.taken) == sign_in_links.MOST_LIVE
    clock.at += LINK_LIVES + timedelta(seconds=1)
    ask(browser, BEN)
    work(browser.service)
    assert len(server.taken) == sign_in_links.MOST_LIVE + 1


def test_the_table_is_not_filled(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_links, "MOST_LIVE_OF_ALL", 3)
    told = [
        browser.send("/inbox/sign-in/mail", address=f"{number}@example.com").status_code
        for number in range(5)
    ]
    assert told == [200, 200, 200, 503, 503]


def test_a_mail_that_was_not_taken_is_tried_again_with_another_secret(
    browser: Browser, server: MailServer
) -> None:
    server.data = ["451 Not now", "250 OK"]
    ask(browser, BEN)
    (job,) = browser.service.jobs
    with pytest.raises(Transient, match="451"):
        send_link(browser.service.ports, **job.arguments)
    send_link(browser.service.ports, **job.arguments)
    send_link(browser.service.ports, **job.arguments)  # a doubled job
    assert len(server.taken) == 1
    assert browser.send(link(server)).status_code == 303
    with pytest.raises(NotFound):
        send_link(browser.service.ports, browser.service.ports.ids.new())


def test_a_link_whose_job_was_lost_is_sent_all_the_same(
    browser: Browser, server: MailServer, clock: TurnedClock
) -> None:
    """The broker may lose everything, and the page has said that a mail is on its way."""
    ask(browser, BEN)
    browser.service.jobs.clear()
    assert sweep(browser.service.ports).links == 0
    clock.at += timedelta(seconds=61)
    assert sweep(browser.service.ports).links == 1
    work(browser.service)
    assert browser.send(link(server)).status_code == 303


def test_a_link_that_was_sent_or_whose_time_is_over_is_published_no_more(
    browser: Browser, clock: TurnedClock
) -> None:
    ask(browser, BEN)
    work(browser.service)
    ask(browser, BEN)
    clock.at += timedelta(minutes=5)
    assert [sweep(browser.service.ports).links for _ in range(2)] == [1, 0]
    clock.at += LINK_LIVES
    assert sweep(browser.service.ports).links == 0


def test_while_the_mail_server_takes_none_the_pauses_double(
    browser: Browser, server: MailServer, clock: TurnedClock
) -> None:
    server.data = ["451 Not now"] * 3 + ["250 OK"]
    ask(browser, BEN)
    for pause in (10, 10, 20):
        with pytest.raises(Transient, match="451"):
            work(browser.service)
        clock.at += timedelta(seconds=pause)
        assert sweep(browser.service.ports).links == 1
    work(browser.service)
    assert browser.send(link(server)).status_code == 303


def test_a_worker_that_knows_no_public_url_leaves_the_link_to_others(
    browser: Browser, server: MailServer
) -> None:
    ask(browser, BEN)
    (job,) = [each for each in browser.service.jobs if each.name == SEND_LINK]
    ports = browser.service.ports
    relay = Relay("127.0.0.1", server.port, Security.OFF)
    poor = replace(ports, public_url=None, sender=MailSender(relay, letterhead(public_url=None)))
    with pytest.raises(Transient):
        send_link(poor, **job.arguments)
    assert server.taken == []
    send_link(ports, **job.arguments)
    assert link(server)


def test_the_secret_stands_in_no_log_and_no_table(browser: Browser, server: MailServer) -> None:
    with capture_logs() as logs:
        ask(browser, BEN)
        work(browser.service)
        browser.get(link(server))
        browser.send(link(server))
    secret = link(server).rpartition("/")[2]
    assert secret not in str(logs)
    assert any(each.get("path") == "/inbox/sign-in/…" for each in logs)
    read = browser.service.ports.store.read
    assert read(lambda tx: tx.sign_in_links.by_hash(secret)) is None


def test_without_mail_a_token_is_asked_for_alone(serve: Callable[..., Service]) -> None:
    browser = Browser(serve())
    assert "Send me a link" not in browser.text("/inbox/sign-in")
    told = browser.send("/inbox/sign-in/mail", address=BEN)
    assert "No mail is sent here" in told.text


def test_a_permission_that_is_taken_away_counts_at_once(
    browser: Browser, server: MailServer
) -> None:
    browser.service.halted("news")
    ask(browser, BEN)
    work(browser.service)
    browser.send(link(server))
    assert browser.text("/inbox?whose=all").count("</a> of news") == 1
    bare = Deployment("news", RunnerKind.FUNCTIONS, "api_test_crews:article")
    ports = replace(browser.service.ports, deployments=DeploymentFile({"news": bare}, "news"))
    browser.client.app.state.ports = ports  # type: ignore[attr-defined]
    assert browser.text("/inbox?whose=all").count("</a> of news") == 0

"""A reply comes in by LMTP, and a service of real processes goes on with it."""

from __future__ import annotations

import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest
from processes import free_port, until_it_works
from replies import ANN, DOMAIN, TOKEN, ask, reply
from service import Service
from work import Work

from orchestrator.domain.inbound_mail import MailState, StoredMail
from orchestrator.ports import MailFilter

GREETS = 220

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("e2e")]


@pytest.fixture
def mail_server(service: Service) -> Iterator[smtplib.LMTP]:
    port = free_port()
    command = [sys.executable, "-m", "orchestrator", "mail", "serve", "--lmtp", f"127.0.0.1:{port}"]
    command += ["--data", str(service.data), "--deployments", str(service.deployments)]
    with subprocess.Popen(command, env=service.environment) as server:
        client = smtplib.LMTP()

        def connects() -> bool:
            with suppress(OSError):
                return client.connect("127.0.0.1", port)[0] == GREETS
            return False

        until_it_works(server, connects)
        yield client
        client.close()
        server.terminate()


def test_a_reply_answers_though_the_worker_that_took_it_dies(
    service: Service, mail_server: smtplib.LMTP, work: Work
) -> None:
    execution_id = service.client.kickoff("article", work.inputs())
    service.asked("article", execution_id)
    ask(service, execution_id)
    service.crash_next("after-mail-answer")

    mail_server.sendmail(ANN, [f"reply+{TOKEN}@{DOMAIN}"], reply("Approve\r\n\r\nWell done"))

    assert service.ended("article", execution_id).status == "completed"
    service.until(service.guard("after-mail-answer").exists)
    service.sweep_now()
    service.until(lambda: mails(service, execution_id, MailState.TAKEN))
    reviews = service.ports.store.read(lambda tx: tx.reviews.of(execution_id))
    assert [(each.words, each.channel) for each in reviews] == [("Well done", "mail")]


def mails(service: Service, execution_id: str, state: MailState) -> list[StoredMail]:
    newest = service.ports.store.read(lambda tx: tx.mails.page(MailFilter(state=state), None, 10))
    return [mail for mail in newest if mail.execution_id == execution_id]

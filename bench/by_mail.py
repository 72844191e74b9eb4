"""Ten thousand people are asked by mail and reply: is a mail or a decision lost, or doubled?

Mails go out by SMTP to a server of this process, replies come in by SMTP to ours; every tenth reply
comes twice. Counted are mails, their Message-IDs, mails that came in, and decisions.
``python bench/by_mail.py [reviews]``
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import re
import smtplib
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(1, str(Path(__file__).parent.parent / "tests" / "support"))

import structlog
from aiosmtpd.controller import Controller
from mails import letterhead
from policies import ANN, policy
from processes import free_port
from world import World, make_world, migrated, plan_of

from orchestrator.adapters.http.guard import Guard
from orchestrator.adapters.http.sender import GuardedSender
from orchestrator.adapters.inbound_mail.servers import Listening, listen
from orchestrator.adapters.sender_by_transport import SenderByTransport
from orchestrator.adapters.smtp.sender import MailSender
from orchestrator.cli.mail_processes import keeping
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.transport import Transport
from orchestrator.jobs import DRAIN, RESUME, RUN_TASK, TAKE_MAIL
from orchestrator.ports import ExecutionFilter, MailIdentity, Replies
from orchestrator.settings.mail import Relay, Security
from orchestrator.usecases.intake.take_mail import take_mail
from orchestrator.usecases.webhooks.deliver import drain

DOMAIN = "replies.example"
THREADS = 2
TWICE = 10
"""Every so manieth reply comes twice, as mail servers do that had no answer."""

_REPLY_TO = re.compile(rb"(reply\+[a-z2-7]{32}@[a-z.]+)", re.IGNORECASE)
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.MULTILINE | re.IGNORECASE)
_TO = re.compile(rb"^To:\s*(\S+)", re.MULTILINE | re.IGNORECASE)


class Postbox:
    """The mail server of all who are asked: keeps what is needed to reply."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, str]] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """As aiosmtpd calls it: a mail has come."""
        person, reply_to, message_id = (
            each.findall(envelope.content)[0].decode() for each in (_TO, _REPLY_TO, _MESSAGE_ID)
        )
        self.taken.append((person, reply_to, message_id))
        return "250 OK"


@contextmanager
def reply_server(world: World) -> Iterator[int]:
    """Ours, that takes replies, on a port of loopback."""
    port, loop = free_port(), asyncio.new_event_loop()
    keep = keeping(world.ports)
    server = loop.run_until_complete(
        listen(Listening("127.0.0.1", port, is_lmtp=False), DOMAIN, keep)
    )
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield port
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def work(world: World) -> None:
    """Workers take every job, those of one kind side by side."""
    does: dict[str, Callable[[Any], object]] = {
        RUN_TASK: world.run,
        RESUME: world.run,
        DRAIN: lambda job: drain(world.ports, job.arguments["endpoint_id"], "w-1"),
        TAKE_MAIL: lambda job: take_mail(world.ports, job.arguments["mail_id"]),
    }
    with ThreadPoolExecutor(THREADS) as pool:
        while jobs := [world.jobs.pop() for _ in range(len(world.jobs))]:
            list(pool.map(lambda job: does[job.name](job), jobs))


def send_replies(port: int, mails: list[tuple[str, str, str]]) -> int:
    """Everybody replies, some twice; returns how many mails that were."""
    sent = 0
    with smtplib.SMTP("127.0.0.1", port, "bench", timeout=60) as server:
        for number, (person, reply_to, _) in enumerate(mails):
            head = f"From: {person}\r\nTo: {reply_to}\r\nMessage-ID: <{number}@bench>\r\n"
            for _again in range(2 if number % TWICE == 0 else 1):
                server.sendmail(person, reply_to, f"{head}\r\nApprove\r\n")
                sent += 1
    return sent


def main() -> None:
    """Count, and fail where something is lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reviews", nargs="?", type=int, default=10_000)
    reviews = parser.parse_args().reviews
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    postbox = Postbox()
    server = Controller(postbox, "127.0.0.1", free_port())
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        template = migrated(Path(folder))
        rules = policy(ANN)
        world = make_world(Path(folder), template, plan_of("write?"), review_policy=rules)
        relay = MailSender(Relay("127.0.0.1", server.port, Security.OFF), letterhead())
        senders = {Transport.HTTP: GuardedSender(Guard()), Transport.MAIL: relay}
        world.ports = replace(
            world.ports,
            sender=SenderByTransport(senders),
            mail=MailIdentity("crews@example.com", DOMAIN),
            replies=Replies(domain=DOMAIN),
        )
        began = time.monotonic()
        for _ in range(reviews):
            world.kickoff()
        work(world)
        asked = time.monotonic()
        with reply_server(world) as port:
            sent = send_replies(port, postbox.taken)
        replied = time.monotonic()
        work(world)
        ended = time.monotonic()
        report(world, reviews, postbox.taken, sent)
        print(
            f"asked in {asked - began:.0f} s, replies in {replied - asked:.0f} s, "
            f"taken in {ended - replied:.0f} s"
        )
        world.ports.store.dispose()
    server.stop()


def report(world: World, reviews: int, mails: list[tuple[str, str, str]], sent: int) -> None:
    """Print the counts; ends with status 1 where one is not as it must be."""
    read = world.ports.store.read
    executions = read(lambda tx: tx.executions.page(ExecutionFilter(), None, 10 * reviews))
    ids = [each.id for each in executions]
    events = [entry.event for id_ in ids for entry in read(lambda tx, id_=id_: tx.timeline.of(id_))]
    counts = {
        "executions": (len(executions), reviews),
        "mails": (len(mails), reviews),
        "Message-IDs": (len({each[2] for each in mails}), reviews),
        "reply addresses": (len({each[1] for each in mails}), reviews),
        "decisions": (events.count("review.answer"), reviews),
        "executions that succeeded": (
            sum(each.state is ExecutionState.SUCCEEDED for each in executions),
            reviews,
        ),
    }
    print(f"{sent} replies, {sent - reviews} of them a second time")
    for name, (found, wanted) in counts.items():
        print(f"{name:28} {found:7} of {wanted}")
    if any(found != wanted for found, wanted in counts.values()):
        sys.exit("Something was lost or doubled.")


if __name__ == "__main__":
    main()

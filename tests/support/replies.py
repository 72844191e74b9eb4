"""People who were asked by mail, and what they reply."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from world import World

from orchestrator.domain.inbound_mail import StoredMail
from orchestrator.domain.recipient import Recipient, RecipientState
from orchestrator.domain.token import hash_of
from orchestrator.jobs import TAKE_MAIL, Job
from orchestrator.ports import MailIdentity, Ports, Replies, Transaction
from orchestrator.usecases.intake.take_mail import store_mail, take_mail

DOMAIN = "answers.crews.example"
ANN = "ann@example.com"
TOKEN = "abcdefghijklmnopqrstuvwxyz234567"


class HasPorts(Protocol):
    """A world, or a service."""

    ports: Ports
    jobs: list[Job]


W = TypeVar("W", bound=HasPorts)


def takes_replies(world: W) -> W:
    """Mails go out under an address, and come in under a domain."""
    mail = MailIdentity("Crews <crews@crews.example>", DOMAIN)
    world.ports = replace(world.ports, mail=mail, replies=Replies(domain=DOMAIN))
    return world


def ask(world: HasPorts, execution_id: str, address: str = ANN, token: str = TOKEN) -> Recipient:
    """Somebody is asked in the open review of an execution."""

    def write(tx: Transaction) -> Recipient:
        review = next(each for each in tx.reviews.of(execution_id) if each.is_open)
        asked = Recipient(
            id=str(uuid4()),
            review_id=review.id,
            execution_id=execution_id,
            deployment=review.deployment,
            address=address,
            state=RecipientState.ASKED,
            version=1,
            rung=0,
            reason="creator",
            created_at=tx.now(),
            token_hash=hash_of(token),
        )
        tx.recipients.add({asked: token})
        return asked

    return world.ports.store.transact(write)


def reply(
    text: str, *, sender: str = ANN, token: str = TOKEN, body: bytes | None = None, **headers: str
) -> bytes:
    """A mail that answers."""
    given = {
        "From": f"Ann <{sender}>",
        "To": f"Crews <reply+{token}@{DOMAIN}>",
        "Subject": "Re: Review",
        "Message-ID": f"<{uuid4()}@mail.example.com>",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
    return head.encode() + b"\r\n" + (text.encode() if body is None else body)


def take_all(world: HasPorts) -> None:
    """A worker reads every mail for which a job was published."""
    for job in [job for job in world.jobs if job.name == TAKE_MAIL]:
        world.jobs.remove(job)
        take_mail(world.ports, job.arguments["mail_id"])


def came(world: World, raw: bytes) -> StoredMail:
    """A mail comes in and is read; what became of it."""
    stored = store_mail(world.ports, raw)
    assert stored
    take_all(world)
    found = world.ports.store.read(lambda tx: tx.mails.get(stored.id))
    assert found
    return found


def told(world: World, execution_id: str) -> list[dict[str, Any]]:
    """The mails that went out to explain."""
    sent = world.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
    bodies = [json.loads(each.body or b"{}") for each in sent]
    return [body for body in bodies if body.get("notice") in ("refused", "closed")]

"""Review policies for tests, and people who answer under them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from world import World

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.recipient import Recipient
from orchestrator.domain.review import Review
from orchestrator.domain.review_policy import (
    Ask,
    Automatic,
    Duration,
    Group,
    ReviewPolicy,
    Rule,
    Rung,
    Source,
)
from orchestrator.usecases.reviews.answer import answer
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.wire.requests import ResumeBody, parse

ANN, BEN, CAT, DAN = (f"{name}@example.com" for name in ("ann", "ben", "cat", "dan"))


def people(*addresses: str) -> tuple[Ask, ...]:
    """Lines of a rule that name these people."""
    return tuple(Ask(Source.ADDRESS, each) for each in addresses)


def hours(number: float) -> Duration:
    """So many hours of calendar time."""
    return Duration(timedelta(hours=number))


def rung(after: float, *addresses: str) -> Rung:
    """A step of the ladder after so many hours."""
    return Rung(hours(after), people(*addresses))


def approves(after: float) -> Automatic:
    """An automatic approval after so many hours."""
    return Automatic(hours(after), approved=True)


def policy(*addresses: str, creator: str | None = None, **rule: Any) -> ReviewPolicy:
    """One rule for everything, that asks these people."""
    return ReviewPolicy((Rule(ask=people(*addresses), **rule),), creator=creator)


def articles(rules: Mapping[str, ReviewPolicy]) -> DeploymentFile:
    """Deployments of the API's article, each with its own rules; the first is the default one."""
    declared = {
        name: Deployment(name, RunnerKind.FUNCTIONS, "api_test_crews:article", review_policy=rule)
        for name, rule in rules.items()
    }
    return DeploymentFile(declared, next(iter(rules)))


def group_policy(*members: str, **rule: Any) -> ReviewPolicy:
    """One rule that asks a group of these people, who have two hours for what they claim."""
    group = Group("legal", members, timedelta(hours=2))
    return ReviewPolicy((Rule(ask=(Ask(Source.GROUP, "legal"),), **rule),), {"legal": group})


def open_review(world: World, execution_id: str) -> Review:
    """The one review of an execution that is open."""
    (review,) = (each for each in reviews_of(world, execution_id) if each.is_open)
    return review


def reviews_of(world: World, execution_id: str) -> tuple[Review, ...]:
    """Every review of an execution, oldest first."""
    return world.ports.store.read(lambda tx: tx.reviews.of(execution_id))


def recipients_of(world: World, review: Review) -> dict[str, Recipient]:
    """Those who are asked in a review, or were, by address."""
    asked = world.ports.store.read(lambda tx: tx.recipients.of([review.id]))
    return {each.address: each for each in asked}


def token_of(world: World, review: Review, address: str) -> str:
    """The token of a person's mail."""
    recipient = recipients_of(world, review)[address]
    token = world.ports.store.read(lambda tx: tx.recipients.token(recipient.id))
    assert token is not None
    return token


def says(world: World, review: Review, who: str | None, **body: Any) -> JsonObject:
    """A person answers with credentials of their own; None with those of the deployment."""
    said = {"execution_id": review.execution_id, "review_id": review.id, **body}
    given = Answer("crew", parse(ResumeBody, said), "tests", "api", identity=who)
    return answer(world.ports, given)


def events(world: World, execution_id: str, noun: str) -> list[tuple[str, JsonObject]]:
    """What the timeline tells of a noun."""
    entries = world.ports.store.read(lambda tx: tx.timeline.of(execution_id))
    return [(each.event, each.details) for each in entries if each.event.startswith(noun)]


def mails(world: World, review: Review) -> list[tuple[str, str]]:
    """To whom which notices go, in order."""
    found = world.ports.store.read(lambda tx: tx.timeline.of(review.execution_id))
    ids = [each.subject_id for each in found if each.event == "delivery.create"]
    deliveries = world.ports.store.read(lambda tx: [tx.deliveries.get(each) for each in ids])
    bodies = [json.loads(each.body or b"") for each in deliveries if each]
    return [(body["to"], body["notice"]) for body in bodies]

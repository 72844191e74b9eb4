"""Subscribe an execution's events to the webhooks that a call names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.delivery import Authentication
from orchestrator.domain.webhooks import Stream, Subscriptions
from orchestrator.errors import BlockedAddress, Invalid
from orchestrator.ports import Ports, Transaction
from orchestrator.wire.requests import (
    BasicAuthentication,
    BearerAuthentication,
    KickoffBody,
    ResumeBody,
)


@dataclass(frozen=True, slots=True)
class NamedWebhook:
    """One webhook as a call names it: ``field`` is the body's key, for error messages."""

    kind: str
    field: str
    url: str
    authentication: Authentication | None = None


def named_webhooks(body: KickoffBody | ResumeBody) -> tuple[NamedWebhook, ...]:
    """The webhooks that a body names."""
    return tuple(_named(body))


def _named(body: KickoffBody | ResumeBody) -> Iterator[NamedWebhook]:
    if body.task_webhook_url:
        yield NamedWebhook("task", "taskWebhookUrl", body.task_webhook_url)
    if body.step_webhook_url:
        yield NamedWebhook("step", "stepWebhookUrl", body.step_webhook_url)
    if body.crew_webhook_url:
        yield NamedWebhook("crew", "crewWebhookUrl", body.crew_webhook_url)
    if body.human_input_webhook:
        notice = body.human_input_webhook
        how = _authentication(notice.authentication)
        yield NamedWebhook("human_input", "humanInputWebhook.url", notice.url, how)
    elif body.human_input_webhook_url:
        yield NamedWebhook("human_input", "humanInputWebhookUrl", body.human_input_webhook_url)
    if body.webhooks:
        how = _authentication(body.webhooks.authentication)
        yield NamedWebhook("stream", "webhooks.url", body.webhooks.url, how)


def _authentication(
    given: BearerAuthentication | BasicAuthentication | None,
) -> Authentication | None:
    if given is None:
        return None
    if isinstance(given, BearerAuthentication):
        return Authentication("bearer", token=given.token)
    return Authentication("basic", username=given.username, password=given.password)


def vet(ports: Ports, named: tuple[NamedWebhook, ...]) -> None:
    """Check the URLs, outside any transaction since names are resolved.

    Raises Invalid with what is wrong with each.
    """
    wrong: dict[str, str] = {}
    for webhook in named:
        try:
            ports.sender.vet(webhook.url, webhook.authentication)
        except (BlockedAddress, Invalid) as error:
            wrong[webhook.field] = error.message
    if wrong:
        sentence = "; ".join(f"{field}: {message}" for field, message in wrong.items())
        raise Invalid(f"A webhook cannot be used: {sentence}", wrong)


def subscribe(
    tx: Transaction, deployment: str, body: KickoffBody | ResumeBody, now: datetime
) -> Subscriptions:
    """Turn the webhooks that a body names into endpoints, and say which gets what."""
    endpoints = {
        webhook.kind: tx.endpoints.ensure(deployment, webhook.url, webhook.authentication, now)
        for webhook in named_webhooks(body)
    }
    stream_endpoint = endpoints.pop("stream", None)
    stream = None
    if stream_endpoint and body.webhooks:
        stream = Stream(stream_endpoint, tuple(body.webhooks.events), body.webhooks.realtime)
    return Subscriptions(stream=stream, **endpoints)

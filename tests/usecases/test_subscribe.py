"""Which webhooks a call names, and how each is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from world import World

from orchestrator.domain.delivery import Authentication
from orchestrator.domain.endpoint import Endpoint
from orchestrator.domain.webhooks import WebhookKind
from orchestrator.errors import Invalid

Make = Callable[..., World]

HOOK = "https://93.184.215.14"
WITH_PASSWORD = {"strategy": "basic", "username": "ann", "password": "s3cret"}
WITH_TOKEN = {"strategy": "bearer", "token": "t0ken"}


def subscribed(world: World, execution_id: str) -> dict[WebhookKind, Endpoint]:
    """The endpoints that an execution's events go to."""
    found = world.snapshot(execution_id).execution.subscriptions
    ids = {kind: found.endpoint(kind) for kind in WebhookKind}
    endpoints = {
        kind: world.ports.store.read(lambda tx, id_=id_: tx.endpoints.get(id_))
        for kind, id_ in ids.items()
        if id_ is not None
    }
    return {kind: endpoint for kind, endpoint in endpoints.items() if endpoint is not None}


def test_every_webhook_of_a_call_is_told_at_its_own_url(a_world: Make) -> None:
    world = a_world("write")
    execution_id = world.kickoff(
        taskWebhookUrl=f"{HOOK}/task",
        stepWebhookUrl=f"{HOOK}/step",
        crewWebhookUrl=f"{HOOK}/crew",
        humanInputWebhookUrl=f"{HOOK}/human_input",
        webhooks={"url": f"{HOOK}/stream", "events": []},
    )

    found = subscribed(world, execution_id)
    assert {kind: each.url for kind, each in found.items()} == {
        kind: f"{HOOK}/{kind}" for kind in WebhookKind
    }
    assert {each.authentication for each in found.values()} == {None}


def test_a_notice_and_the_stream_each_authenticate_as_their_receiver_wants(a_world: Make) -> None:
    world = a_world("write")
    execution_id = world.kickoff(
        humanInputWebhook={"url": HOOK, "authentication": WITH_PASSWORD},
        webhooks={"url": HOOK, "events": [], "authentication": WITH_TOKEN},
    )

    found = subscribed(world, execution_id)
    assert {kind: each.authentication for kind, each in found.items()} == {
        WebhookKind.HUMAN_INPUT: Authentication("basic", username="ann", password="s3cret"),
        WebhookKind.STREAM: Authentication("bearer", token="t0ken"),
    }


def test_what_is_wrong_with_each_webhook_is_said_by_its_key(a_world: Make) -> None:
    inside = "http://10.0.0.1/"
    named = {"taskWebhookUrl": inside, "stepWebhookUrl": inside, "crewWebhookUrl": inside}
    bad_token = {"strategy": "bearer", "token": "a\nb"}
    stream = {"url": HOOK, "events": [], "authentication": bad_token}
    with pytest.raises(Invalid) as plain:
        a_world("write").kickoff(**named, humanInputWebhookUrl=inside, webhooks=stream)
    with pytest.raises(Invalid) as whole:
        a_world("write").kickoff(humanInputWebhook={"url": inside})

    assert [*plain.value.details] == [*named, "humanInputWebhookUrl", "webhooks.url"]
    assert [*whole.value.details] == ["humanInputWebhook.url"]
    said = "; ".join(f"{key}: {wrong}" for key, wrong in plain.value.details.items())
    assert plain.value.message == f"A webhook cannot be used: {said}"

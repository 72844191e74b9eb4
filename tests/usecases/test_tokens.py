"""The token that the settings give, and those that a person makes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from world import World

from orchestrator.errors import Unauthorized
from orchestrator.usecases.operations.audit import newest_entries
from orchestrator.usecases.operations.tokens import (
    create_token,
    ensure_first_token,
    list_tokens,
    live_token,
    revoke_token,
)


@pytest.fixture
def world(a_world_of_each: Callable[..., World]) -> World:
    return a_world_of_each("write")


def works(world: World, secret: str) -> bool:
    try:
        live_token(world.ports, secret)
    except Unauthorized:
        return False
    return True


def told(world: World) -> list[tuple[str, str, object]]:
    """The audit log, oldest first: who, what, and the token's name."""
    entries = reversed(newest_entries(world.ports, 100))
    return [(entry.actor, entry.event, entry.details.get("name")) for entry in entries]


def test_a_token_that_the_settings_replace_is_worth_nothing(world: World) -> None:
    ensure_first_token(world.ports, "first")
    ensure_first_token(world.ports, "second")

    assert (works(world, "first"), works(world, "second")) == (False, True)


def test_the_token_that_was_made_at_first_is_replaced_too(world: World) -> None:
    made = ensure_first_token(world.ports, None)
    ensure_first_token(world.ports, "given")

    assert (works(world, str(made)), works(world, "given")) == (False, True)


def test_tokens_that_a_person_made_are_left_alone(world: World) -> None:
    ensure_first_token(world.ports, "first")
    secrets = [create_token(world.ports, name)[1] for name in ("bootstrap", "alice")]
    ensure_first_token(world.ports, "second")

    assert [works(world, secret) for secret in secrets] == [True, True]


def test_a_process_with_old_settings_does_not_bring_the_old_token_back(world: World) -> None:
    for given in ("old", "new", "old"):
        ensure_first_token(world.ports, given)

    assert (works(world, "old"), works(world, "new")) == (False, True)


def test_many_processes_start_at_once(world: World) -> None:
    ensure_first_token(world.ports, "old")
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: ensure_first_token(world.ports, "new"), range(8)))

    assert [token.revoked_at is None for token in list_tokens(world.ports)] == [False, True]
    assert [event for _, event, _ in told(world)] == [
        "token.create",
        "token.create",
        "token.revoke",
    ]


def test_a_restart_with_the_same_settings_changes_nothing(world: World) -> None:
    for _ in range(3):
        ensure_first_token(world.ports, "same")

    assert told(world) == [("operator", "token.create", "bootstrap")]


def test_making_and_revoking_tokens_is_logged_without_their_secrets(world: World) -> None:
    token, secret = create_token(world.ports, "alice", "crew", "cli:bob")
    revoke_token(world.ports, token.id, "cli:eve")

    assert told(world) == [
        ("cli:bob", "token.create", "alice"),
        ("cli:eve", "token.revoke", "alice"),
    ]
    entries = newest_entries(world.ports, 100)
    assert {entry.subject_id for entry in entries} == {token.id}
    assert secret not in str(entries)

"""The token that the settings give, and those that a person makes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.testing import capture_logs
from world import World

from orchestrator.domain.permission import Permission
from orchestrator.errors import NotFound, Unauthorized, UnknownDeployment
from orchestrator.usecases.access.tokens import (
    create_token,
    ensure_first_token,
    list_tokens,
    live_token,
    revoke_token,
)
from orchestrator.usecases.operations.audit import newest_entries


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


def test_a_token_is_kept_as_it_was_made(world: World) -> None:
    token, secret = create_token(
        world.ports, "alice", "crew", person="ann@example.com", permission=Permission.VIEW
    )
    assert (token.name, token.deployment, token.person) == ("alice", "crew", "ann@example.com")
    assert (token.permission, token.bootstrap) == (Permission.VIEW, False)
    assert live_token(world.ports, secret) == token
    assert list_tokens(world.ports) == (token,)
    with pytest.raises(UnknownDeployment):
        create_token(world.ports, "bob", "unknown")


@pytest.mark.parametrize("secret", [None, "", "wrong"])
def test_what_is_no_token_is_refused(world: World, secret: str | None) -> None:
    with pytest.raises(Unauthorized):
        live_token(world.ports, secret)


def test_a_token_that_is_not_live_is_not_revoked(world: World) -> None:
    token, _ = create_token(world.ports, "alice")
    create_token(world.ports, "bob")
    revoke_token(world.ports, token.id)
    for token_id in (token.id, "no"):
        with pytest.raises(NotFound) as unknown:
            revoke_token(world.ports, token_id)
        assert unknown.value.message == f"No live token has the id {token_id!r}"
    assert [each.revoked_at is None for each in list_tokens(world.ports)] == [False, True]


def test_a_token_is_made_only_where_there_is_none(world: World) -> None:
    made = ensure_first_token(world.ports, None)
    assert made
    assert (ensure_first_token(world.ports, None), works(world, made)) == (None, True)
    assert ensure_first_token(world.ports, "given") is None
    (first, given) = list_tokens(world.ports)
    assert (first.bootstrap, given.bootstrap, given.deployment) == (True, True, None)


def test_operators_are_told_that_their_settings_have_a_revoked_token(world: World) -> None:
    for given in ("old", "new"):
        ensure_first_token(world.ports, given)
    with capture_logs() as lines:
        ensure_first_token(world.ports, "old")
    says = "ORCHESTRATOR_API_TOKEN is a token that was revoked: give another one"
    assert lines == [{"event": says, "log_level": "error"}]


def test_what_the_audit_log_says_of_a_token(world: World) -> None:
    token, _ = create_token(
        world.ports, "alice", "crew", person="ann@example.com", permission=Permission.RESPOND
    )
    revoke_token(world.ports, token.id)
    revoked, created = newest_entries(world.ports, 10)
    about = {"name": "alice", "person": "ann@example.com", "permission": "respond"}
    assert (created.deployment, created.details) == ("crew", about)
    assert (revoked.deployment, revoked.details) == ("crew", {"name": "alice"})
    assert (created.actor, revoked.actor) == ("operator", "operator")
    assert newest_entries(world.ports, 1) == (revoked,)


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

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import NotFound, Unauthorized
from orchestrator.usecases.operations.tokens import live_token

if TYPE_CHECKING:
    from conftest import Command


def test_a_token_is_printed_once_and_listed_without_its_secret(command: Command) -> None:
    secret = command("token", "create", "--name", "alice")
    assert live_token(command.ports, secret).name == "alice"
    assert "alice" in command("token", "list")
    assert secret not in command("token", "list", "--json")


def test_a_revoked_token_is_worth_nothing(command: Command) -> None:
    made = command.json("token", "create")
    command("token", "revoke", made["id"])
    with pytest.raises(Unauthorized):
        live_token(command.ports, made["token"])
    assert command.json("token", "list")[0]["revoked_at"]


def test_a_token_that_nobody_has_cannot_be_revoked(command: Command) -> None:
    assert isinstance(command.run("token", "revoke", "none").exception, NotFound)


def test_the_audit_log_says_who_made_and_revoked_a_token(command: Command) -> None:
    made = command.json("token", "create", "--name", "alice")
    command("token", "revoke", made["id"])
    revoked, created = command.json("audit")[:2]
    assert (created["event"], revoked["event"]) == ("token.create", "token.revoke")
    assert created["actor"].startswith("cli:")
    assert {created["subject"], revoked["subject"]} == {made["id"]}
    assert made["token"] not in command("audit")

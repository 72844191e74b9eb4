from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import Invalid, NotFound, Unauthorized
from orchestrator.usecases.access.sessions import sign_in_person, who_is_signed_in
from orchestrator.usecases.access.tokens import live_token

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


def test_a_user_without_a_name_is_known_by_number(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 54321)  # as containers run with a number alone
    command("token", "create")
    assert command.json("audit")[0]["actor"] == "cli:54321"


def test_a_token_may_do_a_part_of_it_all(command: Command) -> None:
    command("token", "create", "--name", "dashboard", "--may", "view")
    assert command.json("token", "list")[0]["may"] == "view"


def test_a_person_is_signed_out_everywhere(command: Command) -> None:
    hers = [sign_in_person(command.ports, "ann@example.com") for _ in range(2)]
    his = sign_in_person(command.ports, "ben@example.com")

    assert command("token", "sign-out", "Ann@Example.com") == "Ended: 2"

    assert [who_is_signed_in(command.ports, secret) for secret in hers] == [None, None]
    assert who_is_signed_in(command.ports, his) is not None
    newest = command.json("audit")[0]
    assert (newest["event"], newest["subject"]) == ("session.end", "ann@example.com")
    assert newest["details"] == {"sessions": 2}
    assert isinstance(command.run("token", "sign-out", "ann").exception, Invalid)


def test_a_command_runs_where_its_streams_are_closed(command: Command) -> None:
    command("token", "create", "--name", "alice")
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
    listed = [sys.executable, "-m", "orchestrator", "token", "list"]
    assert subprocess.run([*closed, *listed], check=False).returncode == 0

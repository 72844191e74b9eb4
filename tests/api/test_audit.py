from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.usecases.access.tokens import create_token

if TYPE_CHECKING:
    from conftest import Service


def test_the_newest_change_is_first(service: Service) -> None:
    token, secret = create_token(service.ports, "alice", "plain")
    answer = service.get("/v1/audit", params={"limit": 1})
    (newest,) = answer.json()["audit"]
    assert (newest["event"], newest["subject"]) == ("token.create", token.id)
    assert newest["details"] == {"name": "alice", "permission": "manage"}
    assert secret not in answer.text


def test_a_token_of_one_deployment_may_not_look(service: Service) -> None:
    secret = create_token(service.ports, "alice", "plain")[1]
    assert service.get("/v1/audit", secret).status_code == 401

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from orchestrator.jobs import KICKOFF
from orchestrator.usecases.access.tokens import create_token
from orchestrator.usecases.intake.take_messages import Message, take

if TYPE_CHECKING:
    from conftest import Service


def sent(service: Service, deployment: str = "article", version: int = 1) -> str:
    """A producer's kickoff; returns its id."""
    body = {"inputs": {"topic": "bees"}}
    arguments = {"v": version, "deployment": deployment, "body": body}
    return take(service.ports, Message(str(uuid4()), KICKOFF, arguments)).id


def test_an_accepted_message_names_its_execution(service: Service) -> None:
    message_id = sent(service)
    (message,) = service.get("/v1/messages").json()["messages"]
    assert (message["message_id"], message["state"]) == (message_id, "ACCEPTED")
    assert message["execution_id"] == message_id


def test_a_refused_message_says_why(service: Service) -> None:
    sent(service)
    refused = sent(service, version=2)
    (message,) = service.get("/v1/messages?state=REFUSED").json()["messages"]
    assert message["message_id"] == refused
    assert message["reason"] == "The message must have 'v': 1."


def test_a_token_of_one_deployment_sees_no_other_messages(service: Service) -> None:
    sent(service)
    secret = create_token(service.ports, "alice", "plain")[1]
    assert service.get("/v1/messages", secret).json() == {"messages": []}

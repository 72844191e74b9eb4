"""The flow, run by the service as it is: `pytest` in this folder."""

from __future__ import annotations

from orchestrator.testing import running_service


def test_a_person_is_asked_and_the_flow_goes_on() -> None:
    with running_service() as service:
        execution_id = service.kickoff("article", {"topic": "owls"})
        (text,) = service.wait("article", execution_id).pending
        service.choose("article", execution_id, text, "send")
        signing = service.wait("article", execution_id, answered=frozenset({text.id}))
        (name,) = signing.pending
        service.say("article", execution_id, name, "Ada")
        ended = service.wait("article", execution_id, answered=frozenset({text.id, name.id}))
    assert ended.result == "(an article about owls), signed Ada"

"""The flow, run by the service as it is: `pytest` in this folder."""

from __future__ import annotations

from orchestrator.testing import running_service


def test_a_person_is_asked_and_the_flow_goes_on() -> None:
    with running_service() as service:
        execution_id = service.kickoff("newsletter", {"topic": "owls"})
        (draft,) = service.wait("newsletter", execution_id).pending
        service.choose("newsletter", execution_id, draft, "go")
        ended = service.wait("newsletter", execution_id, answered=frozenset({draft.id}))
    assert ended.result == "Sent: Letter 1, from three facts about owls."

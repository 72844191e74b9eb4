"""The crew, run by the service as it is: `pytest` in this folder."""

from __future__ import annotations

from orchestrator.testing import running_service


def test_a_person_is_asked_and_the_crew_goes_on() -> None:
    with running_service() as service:
        execution_id = service.kickoff("research", {"topic": "owls"})
        (first,) = service.wait("research", execution_id).pending
        service.reject("research", execution_id, first, "Mention barn owls.")
        again = service.wait("research", execution_id, answered=frozenset({first.id}))
        (second,) = again.pending
        service.approve("research", execution_id, second)
        ended = service.wait("research", execution_id, answered=frozenset({first.id, second.id}))
    assert ended.result == "A text about owls. Mention barn owls."

"""The spans of a real run, as a tracing backend gets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Collector, Service, Span

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("operators")]


@pytest.fixture(scope="session")
def spans(service: Service, collector: Collector) -> list[Span]:
    """The spans of an execution that halted once, and then went on to its end."""
    execution_id = service.client.kickoff("article", {"topic": "bees"})
    (review,) = service.client.wait("article", execution_id).pending
    service.client.approve("article", execution_id, review)
    service.client.wait("article", execution_id)
    service.until(lambda: len(jobs(collector.about(execution_id))) == 3)
    return [span for span in collector.about(execution_id) if not span.name.startswith("GET")]


def jobs(spans: list[Span]) -> list[Span]:
    return [span for span in spans if span.name.startswith("orchestrator.")]


def test_every_span_names_its_execution(spans: list[Span]) -> None:
    assert [span.name for span in spans] == [
        "POST /kickoff",
        "orchestrator.run_task",
        "orchestrator.run_task",
        "POST /resume",
        "orchestrator.resume",
    ]


def test_one_trace_leads_from_the_kickoff_to_the_halt(spans: list[Span]) -> None:
    kickoff, research, write, *_ = spans
    assert {span.trace_id for span in (kickoff, research, write)} == {kickoff.trace_id}
    assert (research.parent_span_id, write.parent_span_id) == (kickoff.span_id, research.span_id)


def test_an_answer_begins_a_trace_that_is_linked_to_the_one_before(spans: list[Span]) -> None:
    kickoff, _, _, answer, publish = spans
    assert publish.trace_id == answer.trace_id != kickoff.trace_id
    assert [link.trace_id for link in publish.links] == [kickoff.trace_id]

"""A real CrewAI crew whose three tasks are all reviewed, with a model that answers by script."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from service import Service

from orchestrator.client import ExecutionStatus, OpenReview

pytestmark = [
    pytest.mark.processes,
    pytest.mark.crewai,
    pytest.mark.xdist_group("crewai"),
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
]


@pytest.fixture(scope="session")
def service(crewai_service: Service) -> Service:
    return crewai_service


class Reviewer:
    """Goes from halt to halt of one execution."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.execution_id = service.client.kickoff("article", {"topic": "owls"})
        self.answered: list[OpenReview] = []

    def review(self) -> OpenReview:
        review = self._service.asked("article", self.execution_id, *self.answered)
        self.answered.append(review)
        return review

    def approve(self, words: str = "") -> str:
        review = self.review()
        return self._service.client.approve("article", self.execution_id, review, words)

    def reject(self, words: str) -> str:
        review = self.review()
        return self._service.client.reject("article", self.execution_id, review, words)

    def end(self) -> ExecutionStatus:
        return self._service.ended("article", self.execution_id)


@pytest.fixture(scope="module")
def reviewed(service: Service) -> Reviewer:
    """An execution whose second and last tasks were rejected once each, and then all approved."""
    reviewer = Reviewer(service)
    reviewer.approve()
    reviewer.reject("Mention barn owls")
    reviewer.approve()
    reviewer.reject("Make it shorter")
    reviewer.approve()
    return reviewer


def test_each_task_halts_in_its_order_and_again_after_a_rejection(reviewed: Reviewer) -> None:
    rounds = [(review.task_name, review.round) for review in reviewed.answered]
    assert rounds == [("research", 1), ("write", 1), ("write", 2), ("edit", 1), ("edit", 2)]


def test_each_round_has_an_id_of_its_own(reviewed: Reviewer) -> None:
    assert len({review.id for review in reviewed.answered}) == 5


def test_the_words_of_a_rejection_reach_the_retry_and_the_tasks_that_follow(
    reviewed: Reviewer,
) -> None:
    assert [review.output for review in reviewed.answered] == [
        "research",
        "write",
        "write about barn owls",
        "edit about barn owls",
        "edit about barn owls about shorter",
    ]


def test_the_crew_ends_with_its_last_approved_output(reviewed: Reviewer) -> None:
    status = reviewed.end()
    assert (status.status, status.result) == ("completed", "edit about barn owls about shorter")
    outputs = [task["output"] for task in status.body["tasks"]]
    assert outputs == ["research", "write about barn owls", status.result]


def test_approving_the_last_task_completes_the_execution(service: Service) -> None:
    reviewer = Reviewer(service)
    assert [reviewer.approve(), reviewer.approve(), reviewer.approve()] == [
        "resumed",
        "resumed",
        "completed",
    ]

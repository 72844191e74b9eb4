"""Many answers at one moment: one decision."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from service import Service
from work import Work

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("e2e")]


def race(service: Service, execution_id: str, review: str, racers: int) -> list[requests.Response]:
    """Answer the review by that many people at once, every other one against it."""
    line = threading.Barrier(racers)

    def answer(number: int) -> requests.Response:
        body = {"execution_id": execution_id, "review_id": review, "is_approve": number % 2 == 0}
        line.wait()
        said = {"human_feedback": f"person {number}", "reviewer": f"person {number}"}
        return service.call("POST", "/crews/article/resume", {**body, **said})

    with ThreadPoolExecutor(racers) as people:
        return list(people.map(answer, range(racers)))


@pytest.mark.parametrize("racers", [4, 40])
def test_one_of_many_answers_decides_and_the_others_are_told_who_won(
    service: Service, work: Work, racers: int
) -> None:
    execution_id = service.client.kickoff("article", work.inputs())
    review = service.asked("article", execution_id)
    answers = race(service, execution_id, review.id, racers)
    lost = [answer.json()["winner"] for answer in answers if answer.status_code == 409]
    (won,) = [answer.json()["status"] for answer in answers if answer.status_code == 200]
    assert len(lost) == racers - 1
    assert all(winner == lost[0] for winner in lost)
    assert lost[0]["approved"] is (won != "retrying")


def test_what_follows_a_race_happens_once(service: Service, work: Work) -> None:
    execution_id = service.client.kickoff("article", work.inputs())
    first = service.asked("article", execution_id)
    answers = race(service, execution_id, first.id, 8)
    if any(answer.json().get("status") == "retrying" for answer in answers):
        second = service.asked("article", execution_id, first)
        service.client.approve("article", execution_id, second)
    rounds = len(work.pids("write"))
    assert service.ended("article", execution_id).status == "completed"
    assert work.runs == ["research", *["write"] * rounds, "publish"]

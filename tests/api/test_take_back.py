"""Words are taken back: by a call, from the page of the closed review, by the link of a mail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from browser import Browser, Desk
from links import Link
from policies import ANN, BEN, policy

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.domain.deployment import Deployment
from orchestrator.usecases.access.tokens import create_token

if TYPE_CHECKING:
    from conftest import Service


@pytest.fixture
def service(serve: Callable[..., Service]) -> Service:
    """An article that Ann or Ben judges."""
    article = Deployment(
        "article",
        RunnerKind.FUNCTIONS,
        "api_test_crews:article",
        review_policy=policy(ANN, BEN),
    )
    both = replace(article, name="both", review_policy=policy(ANN, BEN, decisions=2))
    other = Deployment("other", RunnerKind.FUNCTIONS, "api_test_crews:quote")
    declared = {each.name: each for each in (article, both, other)}
    served = serve(DeploymentFile(declared, "article"), public_url="http://crews.example")
    served.load()
    return served


class Approved(Desk):
    """Ann has approved, with words; no worker has gone on so far."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        said = {"choice": "approve", "feedback": "The secret word"}
        assert self.send(self.path, **said).status_code == 303


def test_a_call_takes_them_back_and_nobody_is_told_them_any_more(service: Service) -> None:
    desk = Approved(service)
    told = service.post(f"/v1/reviews/{desk.review_id}/take-back", {"person": ANN})
    assert told.status_code == 200
    assert told.json()["taken_back_by"] == ANN
    assert told.json()["approved"] is True
    assert "feedback" not in desk.review
    assert "secret" not in desk.result()
    lines = service.get(f"/v1/deliveries?execution_id={desk.execution_id}").json()["deliveries"]
    bodies = [service.get(f"/v1/deliveries/{each['delivery_id']}").text for each in lines]
    assert not [body for body in bodies if "secret" in body]
    late = service.post(f"/v1/reviews/{desk.review_id}/answer", {"is_approve": True})
    assert "secret" not in late.text


def test_too_late_is_409_with_the_run_that_has_read_them(service: Service) -> None:
    desk = Approved(service)
    assert "The secret word" in desk.result()
    told = service.post(f"/v1/reviews/{desk.review_id}/take-back", {})
    assert (told.status_code, told.json()["error"]) == (409, "already_read")
    read_by = told.json()["read_by"]
    assert (read_by["task_name"], read_by["round"]) == ("publish", 1)
    assert desk.review["feedback"] == "The secret word"


def test_a_person_takes_back_their_own_words_alone(service: Service) -> None:
    desk = Approved(service)
    path = f"/v1/reviews/{desk.review_id}/take-back"
    _, bens = create_token(service.ports, "ben", None, person=BEN)
    assert service.post(path, {}, bens).status_code == 403
    assert service.post(path, {"person": ANN}, bens).status_code == 403
    _, elsewhere = create_token(service.ports, "elsewhere", "other")
    assert service.post(path, {}, elsewhere).status_code == 404
    _, anns = create_token(service.ports, "ann", None, person=ANN)
    assert service.post(path, {}, anns).status_code == 200


def test_the_page_of_the_review_has_a_button_for_it(service: Service) -> None:
    desk = Approved(service)
    assert "Take these words back" in desk.text(desk.path)
    assert desk.send(f"{desk.path}/take-back").status_code == 303
    text = desk.text(desk.path)
    assert "secret" not in text
    assert f"Words were taken back by {ANN}" in text
    assert "Take these words back" not in text
    assert "review.take_back" in text
    assert "secret" not in desk.result()


def test_the_page_says_who_has_read_them(service: Service) -> None:
    desk = Approved(service)
    desk.result()
    text = desk.text(desk.path)
    assert "Take these words back" not in text
    assert "The first to read these words was publish, round 1" in text
    late = desk.send(f"{desk.path}/take-back")
    assert late.status_code == 409
    assert "has read these words already" in late.text


def test_the_page_offers_it_to_nobody_else(service: Service) -> None:
    desk = Approved(service)
    ben = Browser(service)
    ben.sign_in(person=BEN, name="bens")
    assert "Take these words back" not in ben.text(desk.path)
    assert ben.send(f"{desk.path}/take-back").status_code == 403
    operator = Browser(service)
    operator.sign_in(name="desk2")
    assert "Take these words back" in operator.text(desk.path)


def test_a_form_of_elsewhere_takes_nothing_back(service: Service) -> None:
    desk = Approved(service)
    csrf, desk.csrf = desk.csrf, "made up"
    assert desk.send(f"{desk.path}/take-back").status_code == 403
    desk.csrf = csrf
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert desk.send(f"{desk.path}/take-back", headers=foreign).status_code == 403
    assert desk.review["feedback"] == "The secret word"


def approved_by_link(service: Service, of: str = "article") -> Link:
    """Ann has approved on the page of her mail's link; no worker has gone on so far."""
    link = Link(service, of)
    assert link.send(choice="approve", feedback="The secret word").status_code == 303
    return link


def test_the_page_of_a_mail_s_link_has_the_button_too(service: Service) -> None:
    link = approved_by_link(service)
    text = link.open().text
    assert "Take these words back" in text
    assert ("The secret word" in text, "approved" in text) == (True, True)
    assert link.path.removeprefix("/r/") not in text
    sent = link.send(take_back="yes")
    assert (sent.status_code, f"/r/{sent.headers['Location']}") == (303, link.path)
    text = link.open().text
    assert ("secret" in text, "Take these words back" in text) == (False, False)
    assert f"Words were taken back by {ANN}" in text
    assert (link.review["approved"], link.review["taken_back_by"]) == (True, ANN)
    assert "secret" not in link.result()


def test_the_link_says_who_has_read_them(service: Service) -> None:
    link = approved_by_link(service)
    assert "The secret word" in link.result()
    text = link.open().text
    assert "Take these words back" not in text
    assert "The first to read these words was publish, round 1" in text
    late = link.send(take_back="yes")
    assert late.status_code == 409
    assert "has read these words already" in late.text
    assert link.review["feedback"] == "The secret word"


def test_the_link_of_another_takes_nothing_back(service: Service) -> None:
    link = approved_by_link(service)
    link.become(BEN)
    text = link.open().text
    assert ("The secret word" in text, "Take these words back" in text) == (True, False)
    assert link.send(take_back="yes").status_code == 403
    assert link.review["feedback"] == "The secret word"


def test_of_several_who_decided_each_takes_back_by_their_link_what_they_said(
    service: Service,
) -> None:
    link = approved_by_link(service, "both")
    assert "Take these words back" not in link.open().text
    assert link.send(take_back="yes").status_code == 422
    link.become(BEN)
    link.send(choice="approve", feedback="Ben's word")
    assert link.send(take_back="yes").status_code == 303
    assert "The secret word" in link.review["feedback"]
    assert "Ben" not in link.review["feedback"]


def notified(service: Service) -> Link:
    """Nobody in particular is asked, and whoever got the notice has its token."""
    link = Link(service, "other", None, humanInputWebhookUrl="https://hooks.example/n")
    link.path = f"/r/{service.notice(link.execution_id)['callback_url'].rpartition('=')[2]}"
    return link


def test_the_token_of_a_notice_takes_back_what_was_said_with_it_alone(service: Service) -> None:
    with_it, otherwise = (notified(service) for _ in range(2))
    assert with_it.send(choice="approve", feedback="The secret word").status_code == 303
    assert with_it.send(take_back="yes").status_code == 303
    assert "feedback" not in with_it.review
    said = {"is_approve": True, "human_feedback": "Of an operator"}
    assert service.post(f"/v1/reviews/{otherwise.review_id}/answer", said).status_code == 200
    assert "Take these words back" not in otherwise.open().text
    assert otherwise.send(take_back="yes").status_code == 403
    assert otherwise.review["feedback"] == "Of an operator"


def test_nothing_is_taken_back_of_a_review_that_is_open(service: Service) -> None:
    link = Link(service)
    assert link.send(take_back="yes").status_code == 403
    assert link.review["state"] == "PENDING"

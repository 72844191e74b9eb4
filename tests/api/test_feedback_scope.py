"""Who reads the words of an answer, over HTTP and on the pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from browser import FORM, Desk
from policies import ANN, BEN, policy

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.domain.deployment import Deployment

if TYPE_CHECKING:
    from conftest import Service

PRINTED = "Published: "


@pytest.fixture
def service(serve: Callable[..., Service]) -> Service:
    """An article that one person judges, one that two do, and a flow's letter."""
    rules = {
        "article": ("api_test_crews:article", policy(ANN)),
        "both": ("api_test_crews:article", policy(ANN, BEN, decisions=2)),
        "flow": ("user_flows:letter", policy(ANN)),
        "judged": ("user_flows:judged", policy(ANN)),
    }
    declared = {
        name: Deployment(name, RunnerKind.FUNCTIONS, target, review_policy=rule)
        for name, (target, rule) in rules.items()
    }
    served = serve(DeploymentFile(declared, "article"))
    served.load()
    return served


def test_every_call_that_answers_takes_a_scope(service: Service) -> None:
    said = {"is_approve": True, "human_feedback": "For the files", "feedback_scope": "retry"}
    for call in ("resume", "answer", "respond"):
        desk = Desk(service)
        if call == "resume":
            service.resume(desk.execution_id, task_id="write", reviewer=ANN, **said)
        elif call == "answer":
            service.post(f"/v1/reviews/{desk.review_id}/answer", {**said, "reviewer": ANN})
        else:
            (asked,) = service.ports.store.read(lambda tx, d=desk: tx.recipients.of([d.review_id]))
            token = service.ports.store.read(lambda tx, a=asked: tx.recipients.token(a.id))
            told = service.post(f"/v1/reviews/{desk.review_id}/respond?token={token}", said)
            assert told.status_code == 200, told.text
        assert desk.review["feedback_scope"] == "retry"
        assert "For the files" not in desk.result()


def test_an_unknown_task_is_422_with_those_that_there_are(service: Service) -> None:
    desk = Desk(service)
    said = {"is_approve": True, "feedback_scope": ["printer"], "reviewer": ANN}
    told = service.post(f"/v1/reviews/{desk.review_id}/answer", said)
    assert told.status_code == 422
    assert told.json()["details"] == {"feedback_scope": "one or more of: write, publish"}
    assert desk.review["state"] == "PENDING"


def test_a_review_that_was_answered_without_a_scope_shows_none(service: Service) -> None:
    desk = Desk(service)
    service.post(f"/v1/reviews/{desk.review_id}/answer", {"is_approve": True, "reviewer": ANN})
    assert "feedback_scope" not in desk.review


def test_the_page_offers_the_tasks_that_may_read_the_words(service: Service) -> None:
    text = Desk(service).text(Desk(service).path)
    assert "<legend>Who reads your words</legend>" in text
    assert 'name="scope" value="onward" checked' in text
    assert re.search(r'name="reads:publish" value="yes"> publish', text)
    assert "reads:research" not in text
    assert "At most 1 000 000 characters" in text
    assert 'maxlength="1000000"' in text


def test_whoever_looks_is_told_what_the_words_do_and_decides_nothing(service: Service) -> None:
    desk = Desk(service)
    looked = desk.send(desk.path, look="yes", feedback="Shorter", scope="onward")
    assert looked.status_code == 200
    text = looked.text
    assert not re.search(r'class="fault"(?![^>]*hidden)', text)
    assert "Shorter</textarea>" in text
    assert "What your 7 characters do" in text
    added = len("Human feedback on the task 'write' (round 1):\nShorter\n\n----------\n\n")
    assert f"publish</strong>: {added} characters more, about {-(-added // 4)} tokens" in text
    text = desk.send(desk.path, look="yes", feedback="Shorter", scope="retry").text
    assert "publish</strong>" not in text
    assert re.search(r"If you approve:\s+no task reads them", text)
    assert desk.review["state"] == "PENDING"


def test_a_form_has_only_the_ticked_tasks_read_the_words(service: Service) -> None:
    desk = Desk(service)
    desk.send(desk.path, choice="reject", feedback="For this once", scope="retry")
    assert desk.review["feedback_scope"] == "retry"
    service.work()
    (pending,) = service.status(desk.execution_id)["pending"]
    path = f"/inbox/reviews/{pending['task_id']}"
    said = {"choice": "approve", "feedback": "Print it red", "scope": "named"}
    desk.send(path, **said, **{"reads:publish": "yes"})
    printed = desk.result()
    assert "Print it red" in printed
    assert "For this once" not in printed.partition("(said")[2]


def test_nobody_ticked_is_a_fault_and_what_was_written_is_kept(service: Service) -> None:
    desk = Desk(service)
    told = desk.send(desk.path, choice="approve", feedback="Mind the gap", scope="named")
    assert told.status_code == 422
    assert "Tick at least one task" in told.text
    assert "Mind the gap" in told.text
    assert 'value="named" checked' in told.text
    assert desk.review["state"] == "PENDING"


def test_a_made_up_task_in_a_form_is_a_fault(service: Service) -> None:
    desk = Desk(service)
    told = desk.send(desk.path, choice="approve", scope="named", **{"reads:<b>": "yes"})
    assert told.status_code == 422
    assert "<b>" not in told.text
    assert desk.send(desk.path, choice="approve", scope="<b>").status_code == 422


def test_the_page_of_a_mail_offers_the_same(service: Service) -> None:
    desk = Desk(service)
    (asked,) = service.ports.store.read(lambda tx: tx.recipients.of([desk.review_id]))
    token = service.ports.store.read(lambda tx: tx.recipients.token(asked.id))
    page = service.client.get(f"/r/{token}").text
    assert "Who reads your words" in page
    looked = urlencode({"look": "yes", "feedback": "Short", "scope": "onward"})
    assert (
        "What your 5 characters do"
        in service.client.post(f"/r/{token}", content=looked, headers=FORM).text
    )
    said = urlencode({"choice": "reject", "feedback": "Short", "scope": "retry"})
    service.client.post(f"/r/{token}", content=said, headers=FORM)
    assert desk.review["feedback_scope"] == "retry"


def test_where_nothing_is_to_choose_nothing_is_offered(service: Service) -> None:
    for deployment in ("both", "flow"):
        desk = Desk(service, deployment)
        assert "Who reads your words" not in desk.text(desk.path)
    judged = Desk(service, "judged")
    assert "reads:print" in judged.text(judged.path)

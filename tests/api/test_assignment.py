"""Who decides in a review, over HTTP: asked, claimed, handed on, put off, withdrawn; absences."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from links import Link
from policies import ANN, BEN, CAT, approves, hours, policy

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.domain.deployment import Deployment
from orchestrator.usecases.access.tokens import create_token

if TYPE_CHECKING:
    from conftest import Service

TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()


@pytest.fixture
def service(serve: Callable[..., Service]) -> Service:
    """The API with a deployment whose reviews go to two people; one kicks off with four eyes."""
    asked = policy(
        ANN, BEN, remind_after=hours(1), automatic=approves(48), sla=hours(8), careful=True
    )
    eyes = policy(ANN, BEN, four_eyes=True)
    both = policy(ANN, BEN, decisions=2)
    declared = {
        name: Deployment(name, RunnerKind.FUNCTIONS, "api_test_crews:article", review_policy=rules)
        for name, rules in (("article", asked), ("eyes", eyes), ("both", both))
    }
    served = serve(DeploymentFile(declared, "article"), public_url="http://crew.test")
    served.load()
    return served


@pytest.fixture
def review(service: Service) -> str:
    """The id of an open review."""
    return str(service.pending(service.halted())["task_id"])


def own(service: Service, who: str) -> str:
    """A token that is this person's own."""
    return create_token(service.ports, who, person=who)[1]


def test_a_review_tells_who_is_asked_and_what_follows_from_silence(
    service: Service, review: str
) -> None:
    told = service.get(f"/v1/reviews/{review}").json()
    assert [each["address"] for each in told["assigned_to"]] == [ANN, BEN]
    assert {each["state"] for each in told["assigned_to"]} == {"ASKED"}
    assert (told["rule"], told["decisions"], told["careful"]) == ("*", 1, True)
    assert told["automatic_answer"] == "approve"
    opened = datetime.fromisoformat(told["created_at"])
    due = {
        name: datetime.fromisoformat(told[name]) - opened for name in told if name.endswith("_at")
    }
    assert due["remind_at"] == timedelta(hours=1)
    assert due["sla_at"] == timedelta(hours=8)
    assert due["answer_at"] == timedelta(hours=48)


def test_the_list_is_filtered_by_person(service: Service, review: str) -> None:
    def listed(who: str) -> list[str]:
        found = service.get("/v1/reviews", params={"assigned_to": who}).json()["reviews"]
        return [each["review_id"] for each in found]

    assert listed("Ann@Example.com") == [review]
    assert listed(CAT) == listed("nobody") == []


def test_the_webhook_names_who_is_asked(service: Service) -> None:
    body = service.notice(service.halted(humanInputWebhookUrl="https://hooks.example/x"))
    assert (body["assigned_to_email"], body["recipients"]) == (ANN, [ANN, BEN])
    assert body["callback_url"].startswith("http://crew.test/crewai_plus/")


@pytest.mark.parametrize(
    "path", ["/v1/reviews/{}/respond", "/crewai_plus/api/v1/human_feedback_requests/{}/respond"]
)
def test_the_token_of_a_mail_answers_as_its_recipient(
    service: Service, review: str, path: str
) -> None:
    asked = service.ports.store.read(lambda tx: tx.recipients.of([review]))
    token = service.ports.store.read(lambda tx: tx.recipients.token(asked[1].id))
    body = {"is_approve": True, "reviewer": ANN}
    call = path.format(review)
    assert service.client.post(f"{call}?token={token}x", json=body).status_code == 401
    assert service.client.post(f"{call}?token={token}", json=body).status_code == 200
    assert service.client.post(f"{call}?token={token}", json=body).status_code == 409
    told = service.get(f"/v1/reviews/{review}").json()
    assert (told["reviewer"], told["approved"]) == (BEN, True)


@pytest.mark.parametrize("deployment", ["eyes", "both"])
def test_the_token_of_a_notice_is_nobody_s_where_it_has_to_be_known_who_decides(
    service: Service, deployment: str
) -> None:
    link = Link(service, deployment, None, humanInputWebhookUrl="https://hooks.example/x")
    url = service.notice(link.execution_id)["callback_url"]
    link.path = f"/r/{url.rpartition('=')[2]}"
    told = service.client.post(url, json={"is_approve": True, "reviewer": BEN})
    assert (told.status_code, told.json()["error"]) == (403, "not_entitled")
    assert link.send(choice="approve").status_code == 403
    page = link.open().text
    assert ("the link of your own mail" in page, "<form" in page) == (True, False)
    assert {each["state"] for each in link.review["assigned_to"]} == {"ASKED"}


def test_a_review_is_claimed_and_given_back(service: Service, review: str) -> None:
    told = service.post(f"/v1/reviews/{review}/claim", {"person": ANN})
    assert (told.status_code, told.json()["claimed_by"]) == (200, ANN)
    refused = service.post(f"/v1/reviews/{review}/claim", {"person": BEN})
    assert (refused.status_code, refused.json()["error"]) == (403, "not_entitled")
    answered = service.post(f"/v1/reviews/{review}/answer", {"is_approve": True, "reviewer": BEN})
    assert answered.status_code == 403
    assert "claimed_by" not in service.post(f"/v1/reviews/{review}/release", {}).json()


def test_a_person_s_own_token_acts_for_nobody_else(service: Service, review: str) -> None:
    mine = own(service, BEN)
    path = f"/v1/reviews/{review}/claim"
    assert service.post(path, {"person": ANN}, mine).status_code == 403
    assert service.post(path, {}, mine).json()["claimed_by"] == BEN
    assert service.post(path, {}).status_code == 422
    answered = service.post(
        f"/v1/reviews/{review}/answer", {"is_approve": True, "reviewer": ANN}, mine
    )
    assert answered.json()["status"] == "resumed"
    assert service.get(f"/v1/reviews/{review}").json()["reviewer"] == BEN


@pytest.mark.parametrize(
    ("call", "body", "field"),
    [
        ("delegate", {"person": ANN}, "to"),
        ("delegate", {"person": "Ann", "to": CAT}, "person"),
        ("snooze", {"person": ANN, "until": "soon"}, "until"),
        ("reassign", {"to": []}, "to"),
        ("reassign", {"to": ["x"]}, "to"),
        ("withdraw", {"reason": 1}, "reason"),
    ],
)
def test_what_is_not_said_rightly_is_named(
    service: Service, review: str, call: str, body: dict[str, object], field: str
) -> None:
    told = service.post(f"/v1/reviews/{review}/{call}", body)
    assert told.status_code == 422
    assert any(name.startswith(field) for name in told.json()["details"])


def test_a_review_is_handed_on_put_off_and_reassigned(service: Service, review: str) -> None:
    path = f"/v1/reviews/{review}"
    told = service.post(f"{path}/delegate", {"person": ANN, "to": CAT}).json()
    assert [each["state"] for each in told["assigned_to"]] == ["DELEGATED", "ASKED", "ASKED"]
    told = service.post(f"{path}/snooze", {"person": CAT, "until": TOMORROW}).json()
    assert told["assigned_to"][2]["snoozed_until"] == TOMORROW
    told = service.post(f"{path}/reassign", {"to": ["Dan@Example.com"]}).json()
    assert told["assigned_to"][-1]["address"] == "dan@example.com"
    assert [each["state"] for each in told["assigned_to"]].count("ASKED") == 1
    told = service.post(f"{path}/reroute").json()
    assert [each["address"] for each in told["assigned_to"] if each["state"] == "ASKED"] == [
        ANN,
        BEN,
    ]


def test_a_question_is_taken_back(service: Service, review: str) -> None:
    told = service.post(f"/v1/reviews/{review}/withdraw", {"reason": "a mistake"})
    assert told.json()["state"] == "WITHDRAWN"
    again = service.post(f"/v1/reviews/{review}/claim", {"person": ANN})
    assert again.status_code == 409


def test_who_kicked_off_does_not_decide(service: Service) -> None:
    execution_id = service.halted("eyes", requester=ANN)
    review = service.pending(execution_id, "eyes")["task_id"]
    told = service.get(f"/v1/reviews/{review}").json()
    assert [each["address"] for each in told["assigned_to"]] == [BEN]
    for body in ({"reviewer": ANN}, {}):
        refused = service.post(f"/v1/reviews/{review}/answer", {"is_approve": True, **body})
        assert refused.status_code == 403
    wrong = service.post("/crews/eyes/kickoff", {"inputs": {"topic": "x"}, "requester": "Ann"})
    assert wrong.status_code == 422


def test_absences_begin_and_end(service: Service) -> None:
    path = f"/v1/absences/{ANN}"
    body = {"until": TOMORROW, "to": CAT}
    assert service.call("PUT", path, json=body).json() == {"address": ANN, **body}
    assert service.get("/v1/absences").json() == {"absences": [{"address": ANN, **body}]}
    review = service.pending(service.halted())["task_id"]
    told = service.get(f"/v1/reviews/{review}").json()
    assert [each["address"] for each in told["assigned_to"]] == [CAT, BEN]
    assert service.call("DELETE", path).json() == {"absences": []}
    assert service.call("DELETE", path).status_code == 404


def test_only_oneself_or_who_may_all_says_that_a_person_is_away(service: Service) -> None:
    of_one = create_token(service.ports, "one", "article")[1]
    for secret, status in ((of_one, 401), (own(service, BEN), 403), (own(service, ANN), 200)):
        told = service.call("PUT", f"/v1/absences/{ANN}", secret, json={"until": TOMORROW})
        assert told.status_code == status


def test_who_is_away_is_told_to_whoever_may_all_and_to_oneself(service: Service) -> None:
    service.call("PUT", f"/v1/absences/{ANN}", json={"until": TOMORROW})
    of_one, anns, bens = (
        create_token(service.ports, "one", "article", person=who)[1] for who in (None, ANN, BEN)
    )
    assert service.call("GET", "/v1/absences", of_one).status_code == 401
    told = [service.call("GET", "/v1/absences", each).json()["absences"] for each in (anns, bens)]
    assert [[each["address"] for each in absences] for absences in told] == [[ANN], []]


def test_another_deployment_s_token_finds_no_review(service: Service, review: str) -> None:
    elsewhere = create_token(service.ports, "elsewhere", "eyes")[1]
    for call in ("claim", "release", "delegate", "snooze", "reassign", "withdraw", "reroute"):
        body = {"person": ANN, "to": [CAT] if call == "reassign" else CAT, "until": TOMORROW}
        assert service.post(f"/v1/reviews/{review}/{call}", body, elsewhere).status_code == 404

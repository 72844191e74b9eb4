"""The inbox: what waits, what was decided, and a page on which one decides."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from browser import HOSTILE, Browser, Desk
from policies import ANN, BEN, CAT, hours, policy

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.api.pages.rows import age
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.permission import Permission
from orchestrator.domain.review_policy import ReviewPolicy
from orchestrator.usecases.access.tokens import create_token
from orchestrator.usecases.reviews import lists

if TYPE_CHECKING:
    from conftest import Service


@pytest.fixture
def service(serve: Callable[..., Service]) -> Service:
    """Crews whose reviews go to one person, to two, to nobody; careful ones; data; a flow's."""
    crews = {
        "article": ("api_test_crews:article", policy(ANN, BEN)),
        "urgent": ("api_test_crews:article", policy(ANN, sla=hours(1))),
        "both": ("api_test_crews:article", policy(ANN, BEN, decisions=2)),
        "careful": ("api_test_crews:article", policy(ANN, careful=True)),
        "open": ("api_test_crews:article", ReviewPolicy()),
        "quote": ("api_test_crews:quote", policy(ANN)),
        "hostile": ("api_test_crews:hostile", policy(ANN)),
        "flow": ("user_flows:loop", policy(ANN)),
    }
    declared = {
        name: Deployment(name, RunnerKind.FUNCTIONS, target, review_policy=rule)
        for name, (target, rule) in crews.items()
    }
    served = serve(DeploymentFile(declared, "article"))
    served.load()
    return served


def titles(text: str) -> list[str]:
    """The deployments of a list, in its order."""
    return re.findall(r"</a> of ([a-z]+), round", text)


def test_what_waits_for_a_person_stands_there_with_its_facts(service: Service) -> None:
    desk = Desk(service)
    service.halted("open")
    text = desk.text("/inbox")
    assert "<title>(1) Inbox</title>" in text
    assert titles(text) == ["article"]
    assert "Draft 1 from" in text
    assert re.search(r"Waits: <span [^>]*>just now</span>", text)
    assert f"Also asked: {BEN}." in text
    assert titles(desk.text("/inbox?whose=all")) == ["article", "open"]


def test_the_most_urgent_comes_first_and_what_has_no_deadline_last(service: Service) -> None:
    desk = Desk(service)
    service.halted("urgent")
    text = desk.text("/inbox")
    assert titles(text) == ["urgent", "article"]
    assert re.search(r"<span>Due \w+, ", text)


def test_the_list_is_narrowed_by_deployment_and_text(service: Service) -> None:
    desk = Desk(service)
    service.halted("urgent")
    assert titles(desk.text("/inbox?deployment=urgent")) == ["urgent"]
    assert titles(desk.text("/inbox?text=WRI")) == ["urgent", "article"]
    assert titles(desk.text(f"/inbox?text={desk.execution_id}")) == ["article"]
    assert "Nothing waits that is meant" in desk.text("/inbox?text=other")


def test_lists_are_read_page_by_page(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(service, "urgent")
    for deployment in ("article", "careful", "urgent", "quote"):
        service.halted(deployment)
    monkeypatch.setattr(lists, "PAGE", 2)
    assert pages(desk, "/inbox") == [["urgent", "urgent"], ["article", "careful"], ["quote"]]
    assert pages(desk, "/inbox?deployment=urgent") == [["urgent", "urgent"]]
    assert pages(desk, "/inbox?text=write") == [["urgent", "urgent"], ["article", "careful"]]
    monkeypatch.setattr(lists, "SEARCHED", 3)
    assert pages(desk, "/inbox?text=decide") == [[], ["quote"]]
    done = []
    for each in service.get("/v1/reviews").json()["reviews"]:
        done.append(each["deployment"])
        said = {"is_approve": True, "reviewer": ANN}
        service.post(f"/v1/reviews/{each['review_id']}/answer", said)
    told = pages(desk, "/inbox/done")
    assert [len(each) for each in told] == [2, 2, 1]
    assert [one for each in told for one in each] == done[::-1]
    assert pages(desk, "/inbox/done?deployment=urgent") == [["urgent", "urgent"]]


def pages(desk: Desk, path: str) -> list[list[str]]:
    found, here = [], path.split("?", maxsplit=1)[0]
    while True:
        text = desk.text(path)
        found.append(titles(text))
        more = re.search(r'<a href="([^"]*)" rel="next"', text)
        if more is None:
            return found
        path = more[1].replace("&amp;", "&")
        assert path.startswith(here)


def test_an_unknown_place_in_a_list_is_its_beginning(service: Service) -> None:
    desk = Desk(service)
    for after in ("x", "%00", "\u202e", "0" * 100):
        assert titles(desk.text(f"/inbox?after={after}")) == ["article"]
    assert desk.get(f"/inbox?after={'0' * 101}").status_code == 422


def test_what_was_decided_is_told_with_who_and_how(service: Service) -> None:
    desk = Desk(service)
    assert "Nothing was decided" in desk.text("/inbox/done")
    desk.send(desk.path, choice="reject", feedback="Shorter, please")
    text = desk.text("/inbox/done")
    assert '<strong dir="auto">changes wanted</strong>' in text
    assert "Shorter, please" in text
    assert f"By {ANN} via inbox, " in text


def test_a_person_decides_and_the_work_goes_on(service: Service) -> None:
    desk = Desk(service)
    digest = desk.review["output_digest"]
    told = desk.send(desk.path, choice="approve", feedback="Go.\r\nOn.", output_digest=digest)
    assert (told.status_code, told.headers["Location"]) == (303, desk.path)
    decided = desk.review
    assert (decided["approved"], decided["feedback"]) == (True, "Go.\nOn.")
    assert (decided["reviewer"], decided["channel"]) == (ANN, "inbox")
    assert decided["actor"] == f"person:{ANN}"
    text = desk.text(desk.path)
    assert "<strong>approved</strong>" in text
    assert 'name="choice"' not in text
    assert "Nothing waits" in desk.text("/inbox")
    service.work()
    assert service.status(desk.execution_id)["state"] == "SUCCESS"


def test_a_token_that_is_nobody_s_own_decides_without_a_name(service: Service) -> None:
    desk = Desk(service, "open", deployment="open", name="desk")
    assert titles(desk.text("/inbox")) == ["open"]
    assert "Claim it" not in desk.text(desk.path)
    assert desk.send(desk.path, choice="approve").status_code == 303
    assert desk.review["actor"] == "token:desk"
    assert "reviewer" not in desk.review
    assert desk.send(f"{desk.path}/claim").status_code == 422


def test_without_the_form_s_secret_nothing_is_done(service: Service) -> None:
    desk = Desk(service)
    before = desk.review
    for csrf in ("", "wrong", "é", "00" * 32):
        desk.csrf = csrf
        for act in ("", "/claim", "/release", "/delegate"):
            told = desk.send(f"{desk.path}{act}", choice="approve", feedback="my words", to=CAT)
            assert told.status_code == 403
            assert ("my words" in told.text) is (act == "")
        assert desk.send("/inbox/sign-out").status_code == 403
    assert desk.review == before
    assert desk.get("/inbox").status_code == 200


def test_a_form_of_another_session_or_site_decides_nothing(service: Service) -> None:
    desk, other = Desk(service), Browser(service)
    other.sign_in(person=ANN)
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert desk.send(desk.path, foreign, choice="approve").status_code == 403
    desk.csrf = other.csrf
    assert desk.send(desk.path, choice="approve").status_code == 403
    assert desk.review["state"] == "PENDING"


def test_another_deployment_s_reviews_are_not_there(service: Service) -> None:
    desk = Desk(service, person=ANN, deployment="open")
    assert desk.get(desk.path).status_code == 404
    for act in ("", "/claim", "/release", "/delegate"):
        told = desk.send(f"{desk.path}{act}", choice="approve", to=CAT)
        assert told.status_code == 404
        assert told.headers["Content-Type"].startswith("text/html")
    assert desk.review["state"] == "PENDING"
    assert "Nothing waits" in desk.text("/inbox?whose=all")
    assert desk.get("/inbox?deployment=article").status_code == 404
    assert desk.get("/inbox/done?deployment=article").status_code == 404
    assert ">article<" not in desk.text("/inbox")


def test_what_is_no_review_is_not_there(service: Service) -> None:
    desk = Browser(service)
    desk.sign_in()
    for review_id in ("x", "%00", "0" * 100, "%E2%80%AE", "%ED%A0%80"):
        assert desk.get(f"/inbox/reviews/{review_id}").status_code == 404
        assert desk.send(f"/inbox/reviews/{review_id}", choice="approve").status_code == 404


def test_who_comes_second_is_told_who_won_and_keeps_what_was_written(service: Service) -> None:
    desk, other = Desk(service), Browser(service)
    other.sign_in(person=BEN)
    other.send(desk.path, choice="approve")
    told = desk.send(desk.path, choice="reject", feedback="But I wrote this!")
    assert told.status_code == 409
    assert f"answered by {BEN} via inbox" in told.text
    assert "But I wrote this!" in told.text
    assert desk.send(f"{desk.path}/claim").status_code == 409


def test_what_cannot_be_taken_is_said_and_nothing_is_lost(service: Service) -> None:
    desk = Desk(service)
    for fields in ({}, {"choice": "maybe"}, {"choice": "approve", "output_digest": "sha256:x"}):
        told = desk.send(desk.path, feedback="keep me", **fields)
        assert told.status_code == 422
        assert 'role="alert"' in told.text
        assert "keep me" in told.text
    assert desk.review["state"] == "PENDING"


def test_what_was_written_is_given_back_while_the_database_is_away(service: Service) -> None:
    desk = Desk(service)
    service.lose_database()
    told = desk.send(desk.path, choice="reject", feedback="My long thoughts.")
    assert told.status_code == 503
    assert "cannot be used just now" in told.text
    assert '<pre dir="auto" tabindex="0">My long thoughts.</pre>' in told.text


def test_a_careful_review_wants_a_typed_word(service: Service) -> None:
    desk = Desk(service, "careful")
    assert desk.send(desk.path, choice="approve").status_code == 422
    assert desk.send(desk.path, choice="approve", word="write").status_code == 303


def test_who_is_not_asked_sees_why_and_cannot_decide(service: Service) -> None:
    desk = Desk(service, person=CAT)
    assert "Nothing waits" in desk.text("/inbox")
    text = desk.text(desk.path)
    assert f"{CAT} is not asked in this review" in text
    assert 'name="choice"' not in text
    told = desk.send(desk.path, choice="approve", feedback="mine")
    assert told.status_code == 403
    assert "mine" in told.text
    assert desk.review["state"] == "PENDING"


def test_who_may_only_look_is_shown_no_form(service: Service) -> None:
    desk = Desk(service, "open")
    assert 'name="choice"' in desk.text(desk.path)
    looks_on(desk, None)
    text = desk.text(desk.path)
    assert "you only look on" in text
    assert 'name="choice"' not in text
    assert "data-may-decide" not in text


def test_who_may_only_look_can_neither_claim_nor_take_words_back(service: Service) -> None:
    desk = Desk(service)
    looks_on(desk, ANN)
    assert "Claim it" not in desk.text(desk.path)
    said = {"is_approve": True, "human_feedback": "Fine.", "reviewer": ANN}
    service.resume(desk.execution_id, task_id="write", **said)
    assert "Take these words back" not in desk.text(desk.path)
    desk.sign_in(person=ANN)
    assert "Take these words back" in desk.text(desk.path)


def test_who_may_decide_no_more_keeps_what_was_written(service: Service) -> None:
    desk = Desk(service)
    looks_on(desk, ANN)
    told = desk.send(desk.path, choice="reject", feedback="My long thoughts.")
    assert told.status_code == 403
    assert "My long thoughts." in told.text


def looks_on(desk: Desk, person: str | None) -> None:
    """Whoever is there is signed in with a right to look, and no more."""
    ports, view = desk.service.ports, Permission.VIEW
    desk.use(create_token(ports, "viewer", person=person, permission=view)[1])


def test_two_people_decide_together(service: Service) -> None:
    desk, other = Desk(service, "both"), Browser(service)
    other.sign_in(person=BEN)
    assert "2 people have to agree" in desk.text(desk.path)
    desk.send(desk.path, choice="approve")
    assert "has decided already; others still have to" in desk.text(desk.path)
    other.send(desk.path, choice="approve")
    assert desk.review["state"] == "ANSWERED"


def test_a_review_is_claimed_and_given_back(service: Service) -> None:
    desk, other = Desk(service), Browser(service)
    other.sign_in(person=BEN)
    assert desk.send(f"{desk.path}/claim").status_code == 303
    assert desk.review["claimed_by"] == ANN
    assert f"Claimed by {ANN}." in other.text("/inbox")
    assert f"{ANN} has claimed this review" in other.text(desk.path)
    assert other.send(desk.path, choice="approve").status_code == 403
    assert other.send(f"{desk.path}/release").status_code == 403
    assert "Give it back" in desk.text(desk.path)
    assert desk.send(f"{desk.path}/release").status_code == 303
    assert "claimed_by" not in desk.review


def test_a_review_is_handed_on(service: Service) -> None:
    desk, other = Desk(service), Browser(service)
    assert desk.send(f"{desk.path}/delegate", to="nobody").status_code == 422
    assert desk.send(f"{desk.path}/delegate", to=" Cat@Example.com").status_code == 303
    assert "Nothing waits" in desk.text("/inbox")
    other.sign_in(person=CAT)
    assert titles(other.text("/inbox")) == ["article"]
    assert f"delegated by {ANN}" in other.text(desk.path)


def test_what_changed_since_the_round_before_is_marked(service: Service) -> None:
    desk = Desk(service)
    first = desk.path
    desk.send(desk.path, choice="reject", feedback="Shorter & better")
    service.work()
    desk.review_id = service.pending(desk.execution_id)["task_id"]
    text = desk.text(desk.path)
    (changes,) = re.findall(r'<pre class="changes".*?</pre>', text, re.DOTALL)
    assert "<ins>Draft 2 from: Facts about bees" in changes
    assert "</ins>\nDraft 1 from: Facts about bees<ins>" in changes
    assert "Shorter &amp; better" in text
    assert f'href="{first}"' in text
    assert "What changed" not in desk.text(first)


def test_what_surrounds_a_review_stands_beside_it(service: Service) -> None:
    desk = Desk(service)
    text = desk.text(desk.path)
    assert "&#34;topic&#34;: &#34;bees&#34;" in text
    assert "Facts about bees" in text
    assert "<code>review.open</code> by worker:w-1" in text
    assert "<code>recipient.ask</code>" in text
    assert f"{BEN}: asked" in text
    assert "If you approve, your words are context" in text


def test_data_is_shown_as_a_tree(service: Service) -> None:
    desk = Desk(service, "quote")
    assert "<li><b dir=auto>price</b>: <i>3</i></li>" in desk.text(desk.path)


def test_a_flow_s_options_are_its_buttons(service: Service) -> None:
    desk = Desk(service, "flow")
    option = desk.review["options"][0]
    assert f'<button name="choice" value="{option}"' in desk.text(desk.path)
    desk.send(desk.path, choice=option)
    assert desk.review["outcome"] == option


def test_a_method_that_is_called_again_is_compared_with_its_round_before(service: Service) -> None:
    desk = Desk(service, "flow")
    desk.send(desk.path, choice="revise", feedback="Shorter")
    service.work()
    desk.review_id = service.pending(desk.execution_id, "flow")["task_id"]
    text = desk.text(desk.path)
    assert "round 2" in text
    (changes,) = re.findall(r'<pre class="changes".*?</pre>', text, re.DOTALL)
    assert "<del> 1</del><ins> 2</ins>" in changes
    assert "Shorter" in text.partition("What was said before")[2]


def test_of_long_words_all_but_the_beginning_is_folded(service: Service) -> None:
    desk = Desk(service)
    words = "word " * 1_000
    desk.send(desk.path, choice="reject", feedback=words)
    text = desk.text(desk.path)
    (begin, rest) = re.findall(
        r'<div class="earlier" dir="auto">(.*?)<details class="rest"><summary>The rest</summary>'
        r"(.*?)</details>",
        text,
        re.DOTALL,
    )[0]
    assert begin + rest == words.strip() or begin + rest == words
    assert len(begin) < 2_000


def test_hostile_texts_do_nothing(service: Service) -> None:
    desk = Desk(service, "hostile")
    desk.send(desk.path, choice="reject", feedback=HOSTILE)
    service.work()
    pages = ["/inbox", "/inbox/done", desk.path]
    desk.review_id = service.pending(desk.execution_id, "hostile")["task_id"]
    for path in [*pages, desk.path, "/inbox?text=%3Cscript%3E&deployment="]:
        text = desk.text(path)
        assert "&lt;script&gt;" in text
        assert not re.search(
            r"<(script(?! src=\"/inbox/assets/)|img|iframe)|javascript:alert[^)]*\)\"", text
        )
        shown = re.sub(r"<textarea.*?</textarea>", "", text, flags=re.DOTALL)
        assert "\u202e" not in shown


def test_a_text_with_half_a_character_is_shown_and_decided(service: Service) -> None:
    """A model may well put one out; it has no form in UTF-8."""
    desk = Desk(service)
    desk.execution_id = service.start(inputs={"topic": "owls \ud800"})
    service.work()
    desk.review_id = service.pending(desk.execution_id)["task_id"]
    assert "Facts about owls \ufffd" in desk.text(desk.path)
    desk.send(desk.path, choice="approve", output_digest=desk.review["output_digest"])
    assert desk.review["approved"] is True


@pytest.mark.parametrize(
    ("since", "said"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(minutes=59), "59 minutes"),
        (timedelta(hours=23, minutes=59), "23 hours"),
        (timedelta(days=9, hours=23), "9 days"),
    ],
)
def test_an_age_is_said_in_its_largest_unit(since: timedelta, said: str) -> None:
    assert age(since) == said

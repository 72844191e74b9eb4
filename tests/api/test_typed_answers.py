"""Answers as data: checked against the schema of the code, asked for in a form of fields."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from browser import Desk
from links import Link
from policies import ANN, BEN, policy

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.adapters.runners.functions import FunctionsRunner
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.output import Output
from orchestrator.domain.question import Question, QuestionKind
from orchestrator.domain.work import Work
from orchestrator.ports import Ended, Halted
from orchestrator.usecases.reviews import typed

if TYPE_CHECKING:
    from conftest import Service
    from httpx import Response

QUOTE: dict[str, Any] = {
    "title": "Owls",
    "price": 3.5,
    "copies": 2,
    "kind": "book",
    "urgent": False,
    "due": None,
    "tags": ["birds", "night"],
    "notes": "",
    "author": {"name": "Ada", "mail": None},
    "extras": [],
}


@pytest.fixture
def service(serve: Callable[..., Service]) -> Service:
    """An offer that is typed, one that two people judge, and plain ones."""
    rules = {
        "typed": ("api_test_crews:typed", policy(ANN)),
        "both": ("api_test_crews:typed", policy(ANN, BEN, decisions=2)),
        "article": ("api_test_crews:article", policy(ANN)),
        "quote": ("api_test_crews:quote", policy(ANN)),
        "flow": ("user_flows:letter", policy(ANN)),
    }
    declared = {
        name: Deployment(name, RunnerKind.FUNCTIONS, target, review_policy=rule)
        for name, (target, rule) in rules.items()
    }
    served = serve(DeploymentFile(declared, "typed"))
    served.load()
    return served


def test_who_is_told_of_a_typed_review_is_told_what_answers_it(service: Service) -> None:
    hook = {"humanInputWebhookUrl": "https://93.184.215.14/hook"}
    for of, is_typed in (("typed", True), ("article", False)):
        execution_id = service.halted(of, **hook)
        review_id = service.pending(execution_id, of)["task_id"]
        schema = service.get(f"/v1/reviews/{review_id}").json().get("answer_schema")
        assert (schema is not None) is is_typed
        lines = service.get(f"/v1/executions/{execution_id}/timeline").json()["timeline"]
        (opened,) = (each for each in lines if each["event"] == "review.open")
        for told in (service.notice(execution_id), opened["details"]):
            assert told.get("answer_schema") == schema
            assert ("answer_schema" in told) is is_typed


class Offer(Desk):
    """Ann at the inbox, before an offer."""

    def __init__(self, service: Service, of: str = "typed") -> None:
        super().__init__(service, of)

    def answer(self, **said: Any) -> Response:
        return self.service.post(f"/v1/reviews/{self.review_id}/answer", {"reviewer": ANN, **said})

    def billed(self) -> Any:
        return json.loads(self.result().removeprefix("Billed: "))

    def fields(self) -> dict[str, str]:
        """What a browser would send of the typed fields as they are shown."""
        return shown_fields(self.text(self.path))


def shown_fields(text: str) -> dict[str, str]:
    inputs = re.findall(r'<input id="typed[^>]*? name="([^"]*)"[^>]*? value="([^"]*)"', text)
    boxes = re.findall(
        r'<textarea id="typed[^>]*? name="([^"]*)"[^>]*>\n(.*?)</textarea>', text, flags=re.DOTALL
    )
    selects = re.findall(
        r'<select id="typed[^>]*? name="([^"]*)".*?<option selected value="([^"]*)"',
        text,
        flags=re.DOTALL,
    )
    return {**dict(inputs), **dict(boxes), **dict(selects)}


def test_the_schema_stands_in_the_review_while_it_is_open(service: Service) -> None:
    desk = Offer(service)
    assert desk.review["answer_schema"]["title"] == "Quote"
    desk.answer(is_approve=True)
    assert "answer_schema" not in desk.review
    assert "answer_schema" not in Offer(service, "article").review


@pytest.mark.parametrize("call", ["resume", "answer", "respond"])
def test_an_answer_may_be_an_object(service: Service, call: str) -> None:
    desk = Offer(service)
    changed = {**QUOTE, "price": 4, "tags": []}
    if call == "resume":
        service.resume(desk.execution_id, "typed", task_id="offer", reviewer=ANN, answer=changed)
    elif call == "answer":
        desk.answer(answer=changed, is_approve=True)
    else:
        (asked,) = service.ports.store.read(lambda tx: tx.recipients.of([desk.review_id]))
        token = service.ports.store.read(lambda tx: tx.recipients.token(asked.id))
        service.post(f"/v1/reviews/{desk.review_id}/respond?token={token}", {"answer": changed})
    assert desk.review["edited"] is True
    assert desk.billed() == changed


def wrong(**changed: Any) -> dict[str, Any]:
    return {**QUOTE, **changed}


@pytest.mark.parametrize(
    ("answer", "fields"),
    [
        (wrong(price="much"), ["price"]),
        (wrong(price=-1, copies=0), ["price", "copies"]),
        (wrong(copies=1.5), ["copies"]),
        (wrong(kind="film"), ["kind"]),
        (wrong(urgent="yes"), ["urgent"]),
        (wrong(due="tomorrow"), ["due"]),
        (wrong(tags=["a", 3]), ["tags.1"]),
        (wrong(author={"name": "A"}), ["author.name"]),
        (wrong(author={}), ["author.name"]),
        (wrong(extras=[{"name": "Bo"}, {"name": "x"}]), ["extras.1.name"]),
        ({}, ["title", "price", "copies", "kind", "urgent", "author"]),
        ([], [""]),
        ("Owls", [""]),
    ],
)
@pytest.mark.parametrize("key", ["answer", "edited_output"])
def test_what_does_not_fit_is_422_at_each_field(
    service: Service, answer: Any, fields: list[str], key: str
) -> None:
    desk = Offer(service)
    told = desk.answer(**{key: answer if key == "answer" else json.dumps(answer)})
    assert told.status_code == 422
    assert sorted(told.json()["details"]) == sorted(f"{key}.{each}".rstrip(".") for each in fields)
    assert all(told.json()["details"].values())
    assert desk.review["state"] == "PENDING"


@pytest.mark.parametrize(
    ("deployment", "said", "field"),
    [
        ("article", {"answer": {"a": 1}}, "answer"),
        ("typed", {"answer": QUOTE, "edited_output": "{}"}, "answer"),
        ("typed", {"answer": QUOTE, "is_approve": False}, "edited_output"),
        ("both", {"answer": QUOTE}, "edited_output"),
    ],
)
def test_where_no_data_are_taken_they_are_refused(
    service: Service, deployment: str, said: dict[str, Any], field: str
) -> None:
    told = Offer(service, deployment).answer(**said)
    assert (told.status_code, list(told.json()["details"])) == (422, [field])


def test_data_without_a_schema_are_taken_as_they_are(service: Service) -> None:
    desk = Offer(service, "quote")
    assert desk.answer(answer={"anything": [1]}).status_code == 200
    service.work()
    assert service.status(desk.execution_id, "quote")["result"] == '{"anything":[1]}'


def test_a_list_that_is_wrong_all_over_is_told_of_within_bounds(service: Service) -> None:
    told = Offer(service).answer(answer=wrong(tags=[3] * 2_000))
    assert told.status_code == 422
    assert len(told.json()["details"]) == 50


def test_the_page_has_a_field_for_each_value(service: Service) -> None:
    desk = Offer(service)
    text = desk.text(desk.path)
    assert '<textarea id="edited_output"' not in text
    assert re.search(r'type="number" value="3.5" required min="0.*" step="any"', text)
    assert re.search(r'type="number" value="2" required min="1" step="1"', text)
    assert re.search(r'type="text" value="Owls" maxlength="60"', text)
    assert re.search(r'type="date" value=""', text)
    assert re.search(r"<legend[^>]*>author|<legend[^>]*>Author", text)
    assert re.search(r'<select id="[^"]*" name="typed.kind" required', text)
    assert "In euros, without tax." in text
    assert ">Headline" in text
    assert desk.fields() == {
        "typed.title": "Owls",
        "typed.price": "3.5",
        "typed.copies": "2",
        "typed.kind": "book",
        "typed.urgent": "false",
        "typed.due": "",
        "typed.tags": "birds\nnight",
        "typed.notes": "",
        "typed.author.name": "Ada",
        "typed.author.mail": "",
        "typed.extras": "[]",
    }


def test_what_is_sent_as_it_was_shown_is_what_it_was(service: Service) -> None:
    desk = Offer(service)
    assert desk.send(desk.path, send_typed="yes", **desk.fields()).status_code == 303
    assert desk.billed() == QUOTE


def test_changed_fields_are_approved(service: Service) -> None:
    desk = Offer(service)
    changed = {
        "typed.title": "Barn owls & more",
        "typed.price": "12",
        "typed.kind": "paper",
        "typed.urgent": "true",
        "typed.due": "2027-01-31",
        "typed.tags": "one\r\n\r\ntwo words\r\n",
        "typed.author.mail": "ada@example.com",
        "typed.extras": '[{"name": "Bo"}]',
    }
    fields = {**desk.fields(), **changed}
    told = desk.send(desk.path, send_typed="yes", feedback="As agreed", **fields)
    assert told.status_code == 303
    assert desk.review["feedback"] == "As agreed"
    assert desk.billed() == {
        **QUOTE,
        "title": "Barn owls & more",
        "price": 12,
        "kind": "paper",
        "urgent": True,
        "due": "2027-01-31",
        "tags": ["one", "two words"],
        "author": {"name": "Ada", "mail": "ada@example.com"},
        "extras": [{"name": "Bo"}],
    }


def fault_at(text: str, name: str) -> str | None:
    """What stands beside the field of that name as its fault."""
    field = re.search(rf'<[a-z]+ id="([^"]*)" name="{re.escape(name)}"[^>]*>', text)
    assert field is not None
    if 'aria-invalid="true"' not in field[0]:
        return None
    assert f"{field[1]}-fault" in field[0]
    found = re.search(rf'<p class="fault" id="{field[1]}-fault"[^>]*>(.*?)</p>', text)
    return found[1] if found else None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("price", "much"),
        ("price", "-1"),
        ("price", "NaN"),
        ("price", ""),
        ("copies", "1.5"),
        ("kind", "film"),
        ("due", "tomorrow"),
        ("author.name", "A"),
        ("title", "x" * 61),
        ("extras", "[{"),
        ("extras", '[{"name": "x"}]'),
    ],
)
def test_a_fault_stands_at_its_field_and_what_was_written_is_kept(
    service: Service, name: str, text: str
) -> None:
    desk = Offer(service)
    fields = {**desk.fields(), "typed.notes": "Keep <b>me</b>", f"typed.{name}": text}
    told = desk.send(desk.path, send_typed="yes", feedback="My words", **fields)
    assert told.status_code == 422
    assert "<details open>" in told.text
    if text != "NaN":
        assert fault_at(told.text, f"typed.{name}")
    assert fault_at(told.text, "typed.tags") is None
    assert "Keep &lt;b&gt;me&lt;/b&gt;" in told.text
    assert "My words</textarea>" in told.text
    assert desk.review["state"] == "PENDING"
    kept = shown_fields(told.text)
    if name not in ("kind", "extras"):
        assert kept[f"typed.{name}"] == text


def test_a_rejection_needs_no_valid_fields(service: Service) -> None:
    desk = Offer(service)
    text = desk.text(desk.path)
    assert re.search(r'value="reject" formnovalidate', text)
    fields = {**desk.fields(), "typed.price": "much"}
    told = desk.send(desk.path, choice="reject", feedback="Cheaper", **fields)
    assert told.status_code == 303
    assert (desk.review["approved"], desk.review["edited"]) == (False, False)


def test_the_page_of_a_mail_has_the_same_fields(service: Service) -> None:
    link = Link(service, "typed")
    fields = shown_fields(link.open().text)
    told = link.send(send_typed="yes", **{**fields, "typed.price": "x"})
    assert (told.status_code, bool(fault_at(told.text, "typed.price"))) == (422, True)
    assert link.review["state"] == "PENDING"
    assert link.send(send_typed="yes", **{**fields, "typed.price": "5"}).status_code == 303
    assert json.loads(link.result().removeprefix("Billed: ")) == {**QUOTE, "price": 5}


def test_fields_that_nobody_asked_for_decide_nothing(service: Service) -> None:
    desk = Offer(service, "article")
    told = desk.send(desk.path, send_typed="yes", **{"typed.title": "x"})
    assert told.status_code == 422
    assert desk.review["state"] == "PENDING"


def test_several_who_decide_are_offered_no_fields(service: Service) -> None:
    desk = Offer(service, "both")
    assert "typed.title" not in desk.text(desk.path)


def test_without_the_check_the_wrong_data_would_go_on(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard is what refuses, and nothing before it."""
    monkeypatch.setattr(typed, "require_fitting_output", lambda *_: None)
    monkeypatch.setattr(
        "orchestrator.usecases.reviews.decide.require_fitting_output", lambda *_: None
    )
    desk = Offer(service)
    assert desk.answer(answer=wrong(price="much")).status_code == 200


@pytest.fixture
def asks_for_a_seat(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flow asks for an input of a schema, and ends with it."""
    seat = {
        "type": "object",
        "properties": {"row": {"type": "integer", "minimum": 1}},
        "required": ["row"],
    }

    def run(_self: object, _deployment: object, work: Work, context: Any) -> Ended | Halted:
        if work.answers:
            return Ended(Output(work.answers[0].words), {})
        metadata: Any = {"answer_schema": seat}
        path = f"{work.plan.steps[0].name}#1/ask:1"
        question = Question(QuestionKind.INPUT, path, "seat", "Which seat?", metadata=metadata)
        context.ask(question, Output("Which seat?"))
        return Halted({})

    monkeypatch.setattr(FunctionsRunner, "run", run)


@pytest.mark.usefixtures("asks_for_a_seat")
@pytest.mark.parametrize("by", ["inbox", "link"])
def test_input_that_code_asks_for_has_fields_on_the_page(service: Service, by: str) -> None:
    desk = Desk(service, "flow") if by == "inbox" else Link(service, "flow")
    send = partial(desk.send, desk.path) if isinstance(desk, Desk) else desk.send
    text = desk.text(desk.path) if isinstance(desk, Desk) else desk.open().text
    assert ("Which seat?" in text, '<textarea id="feedback"' in text) == (True, False)
    assert re.search(r'name="typed.row" type="number" value="" required min="1"', text)
    told = send(send_typed="yes", **{"typed.row": "0"})
    assert (told.status_code, bool(fault_at(told.text, "typed.row"))) == (422, True)
    assert send(send_typed="yes", **{"typed.row": "7"}).status_code == 303
    assert desk.result() == '{"row":7}'

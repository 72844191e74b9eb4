"""Code that asks for input may say what the answer has to fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from policies import ANN, hours, policy
from world import World

from orchestrator.domain.canonical import JsonObject, encode
from orchestrator.domain.output import Output
from orchestrator.domain.question import Question, QuestionKind
from orchestrator.domain.review import judge
from orchestrator.domain.work import Work
from orchestrator.errors import Invalid
from orchestrator.ports import Ended, Halted
from orchestrator.usecases.operations.sweep import sweep
from orchestrator.usecases.reviews.open import LARGEST_SCHEMA
from orchestrator.wire.inputs import MOST, misfits, require_fitting_inputs

Make = Callable[..., World]

SEAT = {
    "type": "object",
    "properties": {"row": {"type": "integer", "minimum": 1}, "side": {"enum": ["left", "right"]}},
    "required": ["row"],
}


@pytest.fixture
def asking(a_flow: Make) -> Callable[..., tuple[World, str]]:
    """A flow whose code asks for input, and goes on with the words that it is given."""

    def make(settings: dict[str, Any] | None = None, **metadata: Any) -> tuple[World, str]:
        world = a_flow("loop", **(settings or {}))

        def run(_deployment: Any, work: Work, context: Any) -> Ended | Halted:
            if work.answers:
                return Ended(Output(work.answers[0].words), {})
            question = Question(
                QuestionKind.INPUT, "draft#1/ask:1", "draft", "Seat?", metadata=metadata
            )
            context.ask(question, Output("Seat?"))
            return Halted({})

        world.runner.run = run
        return world, world.halted()

    return make


def result(world: World, execution_id: str) -> str:
    world.work()
    found = world.snapshot(execution_id).result
    return "" if found is None else found.raw


def test_an_answer_to_code_is_data_and_goes_on_as_json(asking: Any) -> None:
    world, execution_id = asking(answer_schema=SEAT)
    world.say(execution_id, "draft", answer={"row": 3, "side": "left"})
    assert result(world, execution_id) == '{"row":3,"side":"left"}'


def test_the_same_as_words_is_read(asking: Any) -> None:
    world, execution_id = asking(answer_schema=SEAT)
    world.say(execution_id, "draft", human_feedback=' {"row": 3} ')
    assert result(world, execution_id) == '{"row":3}'


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ({"answer": {"row": 0, "side": "top"}}, ["answer.row", "answer.side"]),
        ({"answer": {}}, ["answer.row"]),
        ({"answer": 3}, ["answer"]),
        ({"human_feedback": '{"row": "x"}'}, ["human_feedback.row"]),
        ({"human_feedback": "the third"}, ["human_feedback"]),
        ({"human_feedback": ""}, ["human_feedback"]),
        ({"human_feedback": "x", "answer": {"row": 1}}, ["human_feedback"]),
    ],
)
def test_what_does_not_fit_is_refused_and_asked_on(asking: Any, said: Any, fields: Any) -> None:
    world, execution_id = asking(answer_schema=SEAT)
    with pytest.raises(Invalid) as refused:
        world.say(execution_id, "draft", **said)
    assert list(refused.value.details) == fields
    assert world.snapshot(execution_id).pending


def refusal(world: World, execution_id: str, name: str, **said: Any) -> tuple[str, JsonObject]:
    """What whoever answers so is told, and of which fields."""
    with pytest.raises(Invalid) as refused:
        world.say(execution_id, name, **said)
    return refused.value.message, refused.value.details


def test_why_an_answer_to_code_that_takes_data_is_refused_is_told_as_a_sentence(
    asking: Any,
) -> None:
    asked = (*asking(answer_schema=SEAT), "draft")
    message, fields = refusal(*asked, human_feedback="the third")
    assert (
        message == "The code that asks takes data: send them in 'answer', or as JSON in the words."
    )
    assert str(fields["human_feedback"]).startswith("is no JSON: Expecting value")
    assert refusal(*asked, human_feedback="x", answer={"row": 1}) == (
        "'answer' stands for the words here: leave 'human_feedback' out.",
        {"human_feedback": "not with answer"},
    )
    assert refusal(*asked, human_feedback='{"row": 0}')[0].startswith("'human_feedback' does not")
    message, fields = refusal(*asked, answer={"row": 1, "beside": float("nan")})
    assert message.startswith("'answer' is no JSON: Out of range")
    assert str(fields["answer"]).startswith("Out of range")


def test_where_nothing_is_said_of_it_words_are_words(asking: Any) -> None:
    world, execution_id = asking(purpose="seat")
    assert refusal(world, execution_id, "draft", answer={"row": 3}) == (
        "This review takes words: send 'human_feedback'.",
        {"answer": "this review takes words"},
    )
    world.say(execution_id, "draft", human_feedback="the third")
    assert result(world, execution_id) == "the third"


def test_a_schema_that_leads_elsewhere_fetches_nothing(asking: Any) -> None:
    world, execution_id = asking(answer_schema={"$ref": "http://192.0.2.1/schema.json"})
    with pytest.raises(Invalid, match="its JSON Schema cannot be used"):
        world.say(execution_id, "draft", answer={"row": 3})


def test_a_missing_part_is_told_where_it_ought_to_stand() -> None:
    nested = {"properties": {"seats": {"type": "array", "items": SEAT}}}
    data = {"seats": [{"row": 1}, {}]}
    assert misfits(nested, data, "answer") == {"answer.seats.1.row": "is required"}


def test_a_long_fault_is_told_in_bounds() -> None:
    (said,) = misfits({"type": "integer"}, "x" * 10_000, "answer").values()
    assert len(said) <= 500


def test_of_inputs_that_do_not_fit_some_are_told_briefly() -> None:
    schema = {"properties": {"years": {"items": {"type": "integer"}}, "name": {"type": "integer"}}}
    wrong: dict[str, Any] = {"years": ["x"] * 10_000, "name": "x" * 10_000}
    with pytest.raises(Invalid) as refused:
        require_fitting_inputs(schema, wrong)
    assert len(refused.value.details) <= MOST
    assert len(refused.value.message) < 100 * MOST
    with pytest.raises(Invalid, match=r"inputs\.name: 'xxx") as refused:
        require_fitting_inputs(schema, {"name": wrong["name"]})
    assert len(refused.value.message) < 2_000


def opened(world: World, execution_id: str) -> Any:
    """What the timeline tells of the review that was opened."""
    entries = world.ports.store.read(lambda tx: tx.timeline.of(execution_id))
    return next(each.details for each in entries if each.event == "review.open")


def test_who_listens_is_told_of_the_schema(asking: Any) -> None:
    assert opened(*asking(answer_schema=SEAT)) == {"answer_schema": SEAT}
    assert opened(*asking(purpose="seat")) == {}


def test_the_notice_of_a_flow_and_its_reminder_have_the_schema(
    asking: Any, later: Callable[[float], None]
) -> None:
    rules = policy(ANN, remind_after=hours(1))
    settings = {"review_policy": rules, "review_webhook": "https://hooks.example/a"}
    world, execution_id = asking(settings, answer_schema=SEAT)
    later(3601)
    sweep(world.ports)
    sent = world.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
    bodies = [json.loads(each.body or b"") for each in sent]
    assert [each["event"] for each in bodies] == ["new_request", "reminder"]
    assert [each["answer_schema"] for each in bodies] == [SEAT, SEAT]


@pytest.mark.parametrize(("over", "is_kept"), [(0, True), (1, False)])
def test_a_schema_that_is_large_is_not_kept_in_the_timeline(
    asking: Any, over: int, *, is_kept: bool
) -> None:
    rest = LARGEST_SCHEMA - len(encode({**SEAT, "description": ""}))
    schema = {**SEAT, "description": "x" * (rest + over)}
    assert opened(*asking(answer_schema=schema)) == ({"answer_schema": schema} if is_kept else {})


def test_an_edited_output_that_does_not_fit_is_refused(a_world: Make) -> None:
    world = a_world("write?")
    seat = Output('{"row":1}', json={"row": 1}, extra={"edits_fit": SEAT})
    world.runner.run = lambda *_: Ended(seat, {}, judge("write", "write"))
    execution_id = world.halted()
    with pytest.raises(Invalid) as refused:
        world.say(execution_id, "write", edited_output='{"row":0}')
    assert list(refused.value.details) == ["edited_output.row"]
    assert list(refusal(world, execution_id, "write", is_approve=True, answer={"row": 0})[1]) == [
        "answer.row"
    ]
    assert refusal(world, execution_id, "write", answer={"row": 2}, edited_output="x") == (
        "'answer' and 'edited_output' say the same: send one of them.",
        {"answer": "not with edited_output"},
    )
    world.say(execution_id, "write", is_approve=True, answer={"row": 2}, human_feedback="there")
    world.work()
    assert result(world, execution_id) == '{"row":2}'


def test_an_output_that_is_a_text_is_not_edited_with_data(a_world: Make) -> None:
    world = a_world("write?")
    assert refusal(world, world.halted(), "write", is_approve=True, answer={"row": 2}) == (
        "What this review is about is a text: send 'edited_output'.",
        {"answer": "this review takes a text"},
    )


def test_an_output_keeps_what_edits_have_to_fit() -> None:
    output = replace(Output("{}", json={}), extra={"edits_fit": SEAT})
    assert output.edited('{"row": 1}').extra == {"edits_fit": SEAT}

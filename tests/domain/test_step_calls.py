from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.domain.calls import (
    Approval,
    AskedCall,
    CallKind,
    RecordedCall,
)
from orchestrator.domain.step_calls import StepCalls

MODEL, TOOL = CallKind.MODEL, CallKind.TOOL


def recorded(*digests: str, kind: CallKind = MODEL, name: str = "m") -> list[RecordedCall]:
    return [RecordedCall(n, "write", kind, name, d) for n, d in enumerate(digests, start=1)]


def asked(digest: str, kind: CallKind = MODEL, name: str = "m") -> AskedCall:
    return AskedCall("write", kind, name, digest)


def serve(calls: StepCalls, call: AskedCall, *, once: bool = False) -> int | None:
    """Ask; returns the number of the call that was served."""
    found = calls.find(call, once=once)
    if found is not None:
        calls.serve(found)
    return found.number if found else None


def test_of_calls_that_are_alike_each_is_served_once_in_order() -> None:
    calls = StepCalls(recorded("a", "b", "a"))
    assert [serve(calls, asked(digest)) for digest in "aab"] == [1, 3, 2]
    assert serve(calls, asked("a")) is None


def test_whatever_begins_after_a_call_that_was_not_found_has_ended_is_live() -> None:
    calls = StepCalls(recorded("a", "b", "c"))
    assert serve(calls, asked("a")) == 1
    assert serve(calls, asked("x")) is None
    assert serve(calls, asked("b")) == 2  # under way beside it
    note = calls.ended(2)
    assert serve(calls, asked("c")) is None
    assert note == (
        "served 2 model calls and 0 tool calls from the journal; live from call 2: "
        "the prompt differs"
    )


def test_tools_that_one_answer_asked_for_are_served_whichever_ends_first() -> None:
    look = recorded("a", "b", kind=TOOL, name="look")
    calls = StepCalls([*look, RecordedCall(3, "write", MODEL, "m", "first")])
    assert serve(calls, asked("first")) == 3
    assert serve(calls, asked("new", TOOL, "look")) is None
    calls.ended(2)
    assert serve(calls, asked("b", TOOL, "look")) == 2
    assert serve(calls, asked("next")) is None  # the model again: from here on all is live
    assert serve(calls, asked("a", TOOL, "look")) is None


def test_a_tool_that_code_calls_by_itself_is_live_after_one_that_was_not_found() -> None:
    calls = StepCalls(recorded("a", kind=TOOL, name="look"))
    serve(calls, asked("new", TOOL, "look"))
    calls.ended(1)
    assert serve(calls, asked("a", TOOL, "look")) is None


def test_the_note_says_that_the_journal_ends() -> None:
    calls = StepCalls(recorded("a", kind=TOOL, name="look"))
    serve(calls, asked("a", TOOL, "look"))
    serve(calls, asked("b"))
    assert calls.ended(2) == (
        "served 0 model calls and 1 tool call from the journal; live from call 2: the journal ends"
    )


def test_a_tool_of_the_same_digest_and_another_name_is_another_call() -> None:
    calls = StepCalls(recorded("a", kind=TOOL, name="look"))
    assert serve(calls, asked("a", TOOL, "pay")) is None


def test_a_tool_that_runs_once_is_served_though_all_else_is_live() -> None:
    calls = StepCalls(recorded("a", "b", kind=TOOL, name="pay"))
    serve(calls, asked("x"))
    calls.ended(1)
    assert serve(calls, asked("a", TOOL, "pay")) is None
    assert serve(calls, asked("b", TOOL, "pay"), once=True) == 2


def test_the_first_attempt_notes_nothing() -> None:
    calls = StepCalls()
    serve(calls, asked("a"))
    assert calls.ended(1) is None
    assert calls.final_note is None


PAY = RecordedCall(2, "write", TOOL, "pay", "p", ended=False, approval=Approval.GIVEN)


@pytest.mark.parametrize(
    ("calls", "is_found"),
    [
        (["m"], True),
        (["other"], False),  # the model was asked something else: it would follow from that
        (["m", "other"], False),
        ([], True),  # code called it by itself
    ],
)
@pytest.mark.parametrize("once", [False, True])
def test_what_was_approved_is_found_only_where_the_same_led_to_it(
    calls: list[str], *, is_found: bool, once: bool
) -> None:
    step = StepCalls([RecordedCall(1, "write", MODEL, "m", "m"), PAY])
    for digest in calls:
        if step.find(asked(digest), once=False) is None:
            step.ended(step.made)
    found = step.find(asked("p", TOOL, "pay"), once=once)
    assert found == (PAY if is_found else None)
    assert step.void_approvals() == ([] if is_found else [PAY])


def test_an_approval_is_found_once() -> None:
    step = StepCalls([PAY])
    assert step.find(asked("p", TOOL, "pay"), once=False) == PAY
    assert step.find(asked("p", TOOL, "pay"), once=False) is None


def test_what_was_answered_after_another_question_is_superseded() -> None:
    answered = replace(PAY, approval=None, ended=True)
    step = StepCalls([RecordedCall(1, "write", MODEL, "m", "m"), answered])
    step.find(asked("other"), once=False)
    assert step.superseded_by(asked("p", TOOL, "pay")) == []
    step.ended(1)
    assert step.superseded_by(asked("p", TOOL, "pay")) == [answered]


def test_after_a_call_that_could_not_be_looked_for_all_is_live() -> None:
    calls = StepCalls(recorded("a", "b"))
    assert serve(calls, asked("a")) == 1
    assert calls.made_unseen(asked("x"), "it cannot be stored") == 2
    assert calls.made == 2
    assert str(calls.ended(2)).endswith("live from call 2: it cannot be stored")
    assert serve(calls, asked("b")) is None


def test_a_call_that_was_not_seen_is_a_turn_of_the_model() -> None:
    look = RecordedCall(1, "write", TOOL, "look", "a")
    calls = StepCalls([look])
    calls.made_unseen(asked("x"), "it cannot be stored")
    calls.ended(1)
    assert serve(calls, asked("a", TOOL, "look")) is None


def test_a_step_begins_with_nothing_closed_and_nothing_failed() -> None:
    calls = StepCalls()
    assert (calls.closed, calls.failed_last, calls.made) == (False, False, 0)


def test_what_is_served_is_counted_with_its_tokens_and_ends_a_failure() -> None:
    look = [replace(each, usage={"total": 3}) for each in recorded("a", "b", kind=TOOL)]
    calls = StepCalls([*look, *recorded("c", "d")])
    calls.failed_last = True
    for each in (*look, *recorded("c", "d")):
        calls.serve(each)
    assert not calls.failed_last
    assert (calls.served.tools, calls.served.models) == (2, 2)
    assert calls.served.usage == {"total": 6}


def test_voided_approvals_are_gone_and_answers_are_not() -> None:
    calls = StepCalls([PAY, *recorded("a")])
    assert calls.void_approvals() == [PAY]
    assert calls.void_approvals() == []
    assert serve(calls, asked("a")) == 1


def test_what_was_begun_is_superseded_with_what_was_answered() -> None:
    begun = RecordedCall(2, "write", TOOL, "pay", "p", ended=False)
    calls = StepCalls([*recorded("m"), begun, replace(begun, number=3, ended=True)])
    calls.find(asked("other"), once=False)
    calls.ended(1)
    assert [each.number for each in calls.superseded_by(asked("p", TOOL, "pay"))] == [2, 3]


def test_where_all_is_live_a_tool_that_runs_once_gets_the_answer_that_there_is() -> None:
    begun = RecordedCall(2, "write", TOOL, "pay", "p", ended=False)
    calls = StepCalls([*recorded("m"), begun, replace(begun, number=3, ended=True)])
    for _ in range(2):
        calls.find(asked("other"), once=False)
        calls.ended(calls.made)
    calls.find(asked("more"), once=False)
    assert serve(calls, asked("p", TOOL, "pay"), once=True) == 3


BEGUN = RecordedCall(1, "write", TOOL, "pay", "p", ended=False)


@pytest.mark.parametrize(
    ("recorded_call", "is_found", "why"),
    [
        (BEGUN, False, "the call of pay was begun, and has no end"),
        (replace(BEGUN, ended=True, note="too large"), False, "too large"),
        (PAY, True, "a person was asked about the call of pay"),
    ],
)
def test_what_was_found_without_an_answer_says_why_all_goes_live(
    *, recorded_call: RecordedCall, is_found: bool, why: str
) -> None:
    calls = StepCalls([recorded_call])
    found = calls.find(asked("p", TOOL, "pay"), once=True)
    assert found == (recorded_call if is_found else None)
    assert str(calls.ended(1)).endswith(f"; live from call 1: {why}")


def test_where_only_tools_that_run_once_are_left_all_else_is_live_from_the_beginning() -> None:
    calls = StepCalls(recorded("a", kind=TOOL, name="pay"), only_once=True)
    assert serve(calls, asked("q")) is None
    assert calls.ended(1) is None
    assert serve(calls, asked("a", TOOL, "pay"), once=True) == 1
    assert calls.final_note == (
        "served 0 model calls and 1 tool call from the journal; live from call 1: "
        "only tools that run once are served"
    )

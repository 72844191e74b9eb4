from __future__ import annotations

from orchestrator.domain.calls import AskedCall, CallKind, OnceRules, RecordedCall, StepCalls

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


def test_patterns_say_which_tools_run_once() -> None:
    rules = OnceRules(("pay_*", "mail"))
    covered = [name for name in ("pay_bill", "repay_it", "mail", "mails") if rules.cover(name)]
    assert covered == ["pay_bill", "mail"]


def test_only_a_tool_that_runs_once_and_has_no_answer_is_unknown() -> None:
    rules = OnceRules(("pay_*",))
    answered = RecordedCall(1, "s", TOOL, "pay_bill", "d")
    begun = RecordedCall(2, "s", TOOL, "look", "d", ended=False)
    unknown = RecordedCall(3, "s", TOOL, "pay_bill", "d", ended=False)
    lost = RecordedCall(4, "s", TOOL, "pay_bill", "d", note="its answer cannot be stored")
    assert rules.unknown([answered, begun]) is None
    assert rules.unknown([answered, begun, unknown]) is unknown
    assert rules.unknown([lost]) is lost

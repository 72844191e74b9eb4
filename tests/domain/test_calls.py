from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.domain.calls import Approval, CallKind, RecordedCall, ToolRules

MODEL, TOOL = CallKind.MODEL, CallKind.TOOL


def test_patterns_say_which_tools_run_once_and_which_need_approval() -> None:
    names = ("pay_bill", "repay_it", "mail", "mails")
    once, approval = ToolRules(once=("pay_*", "mail")), ToolRules(approval=("mail?",))
    assert [name for name in names if once.run_once(name)] == ["pay_bill", "mail"]
    assert [name for name in names if approval.need_approval(name)] == ["mails"]
    assert not any(once.need_approval(name) or approval.run_once(name) for name in names)


def test_only_a_tool_that_runs_once_and_has_no_answer_is_unknown() -> None:
    rules = ToolRules(once=("pay_*",))
    answered = RecordedCall(1, "s", TOOL, "pay_bill", "d")
    begun = RecordedCall(2, "s", TOOL, "look", "d", ended=False)
    unknown = RecordedCall(3, "s", TOOL, "pay_bill", "d", ended=False)
    lost = RecordedCall(4, "s", TOOL, "pay_bill", "d", note="its answer cannot be stored")
    assert rules.unknown([answered, begun]) is None
    assert rules.unknown([answered, begun, unknown]) is unknown
    assert rules.unknown([lost]) is lost


def test_a_call_that_waits_for_approval_is_not_unknown() -> None:
    rules = ToolRules(approval=("pay",))
    begun = RecordedCall(1, "s", TOOL, "pay", "d", ended=False, approval=Approval.USED)
    waiting = replace(begun, approval=Approval.ASKED)
    assert rules.unknown([waiting, waiting.approved({})]) is None
    assert rules.unknown([waiting, begun]) is begun
    assert waiting.approved({"to": 1}).begun() == replace(begun, arguments={"to": 1})


@pytest.mark.parametrize(
    ("rules", "any_rule"),
    [
        (ToolRules(), False),
        (ToolRules(once=("pay",)), True),
        (ToolRules(approval=("pay",)), True),
        (ToolRules(("pay",), ("pay",)), True),
    ],
)
def test_rules_are_some_where_any_tool_is_named(rules: ToolRules, any_rule: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert bool(rules) is any_rule


@pytest.mark.parametrize(
    ("call", "outlives"),
    [
        (RecordedCall(1, "write", TOOL, "pay", "a"), True),
        (RecordedCall(1, "write", TOOL, "pay", "a", ended=False), True),
        (RecordedCall(1, "write", TOOL, "pay", "a", ended=False, approval=Approval.GIVEN), False),
        (RecordedCall(1, "write", TOOL, "look", "a"), False),
        (RecordedCall(1, "write", MODEL, "pay", "a"), False),
    ],
)
def test_what_guarded_tools_did_outlives_a_halt(call: RecordedCall, *, outlives: bool) -> None:
    assert ToolRules(approval=("pay",)).outlive_halt(call) is outlives

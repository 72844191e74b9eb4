from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain.plan import Plan, PlannedStep, PlannedTask, TaskKind
from orchestrator.domain.policy_faults import faults_against
from orchestrator.domain.question import QuestionKind
from orchestrator.domain.review_policy import Automatic, Duration, ReviewPolicy, Rule

CREW = Plan((PlannedTask("draft", human_input=True), PlannedTask("send")))
FLOW = Plan(
    (PlannedTask("Flow", TaskKind.FLOW),),
    steps=(
        PlannedStep("begin"),
        PlannedStep("choose", asks=True, options=("go", "stop")),
        PlannedStep("comment", asks=True),
    ),
)
DAY = Duration(timedelta(days=1))
APPROVE, GO = Automatic(DAY, approved=True), Automatic(DAY, outcome="go")


@pytest.mark.parametrize(
    ("plan", "rules", "faults"),
    [
        (CREW, (), []),
        (CREW, (Rule("draft", automatic=APPROVE),), []),
        (CREW, (Rule("send"),), []),  # a call of a tool may be asked about
        (CREW, (Rule("drafd"),), ["the rule 'drafd' matches none of the tasks: draft, send"]),
        (
            CREW,
            (Rule(automatic=GO),),
            ["the answer of the rule '*' does not fit 'draft', which takes no outcome"],
        ),
        (FLOW, (Rule("choose", automatic=GO), Rule("task-in-a-crew", automatic=APPROVE)), []),
        (FLOW, (Rule("comment", automatic=APPROVE),), []),
        (
            FLOW,
            (Rule("c*", automatic=APPROVE),),
            ["the answer of the rule 'c*' does not fit 'choose', which takes one of 'go', 'stop'"],
        ),
        (
            FLOW,
            (Rule("choose"), Rule(automatic=GO)),
            ["the answer of the rule '*' does not fit 'comment', which takes no outcome"],
        ),
    ],
)
def test_a_plan_shows_which_rules_are_wrong(
    plan: Plan, rules: tuple[Rule, ...], faults: list[str]
) -> None:
    assert list(faults_against(plan, ReviewPolicy(rules))) == faults


@pytest.mark.parametrize(
    ("answer", "kind", "fits"),
    [
        (APPROVE, QuestionKind.JUDGE, True),
        (APPROVE, QuestionKind.EFFECT, False),
        (APPROVE, QuestionKind.APPROVAL, False),
        (APPROVE, QuestionKind.CHOICE, False),
        (GO, QuestionKind.CHOICE, True),
        (GO, QuestionKind.EFFECT, False),
        (GO, QuestionKind.APPROVAL, False),
        (GO, QuestionKind.JUDGE, False),
        (Automatic(DAY, outcome="gone"), QuestionKind.CHOICE, False),
    ],
)
def test_an_automatic_answer_fits_one_kind_of_question(
    answer: Automatic, kind: QuestionKind, *, fits: bool
) -> None:
    assert answer.fits(kind, ("go", "stop")) is fits


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "", True),
        ("draft", "draft", True),
        ("draft", "Draft", False),
        ("draft*", "draft\nof it", True),
        ("draft?of it", "draft\nof it", True),
        ("draft?", "draft", False),
        ("a.c", "abc", False),
        ("[ab]", "[ab]", True),
        ("[ab]", "a", False),
    ],
)
def test_a_rule_matches_names_by_its_marks_alone(pattern: str, name: str, *, matches: bool) -> None:
    assert Rule(pattern).matches(name) is matches


@pytest.mark.parametrize(
    ("first", "second", "covers"),
    [
        ("*", "draft", True),
        ("**", "*", True),
        ("draft*", "draft_*", True),
        ("draft*", "draft*", True),
        ("*a*", "*a", True),
        ("draft?", "draft?", True),
        ("draft?", "draft*", False),
        ("?", "*", False),
        ("?*", "*", False),
        ("*", "draft\nof it", True),
        ("draft", "drafts", False),
        ("*a", "*a*", False),
        ("a.c", "abc", False),
    ],
)
def test_a_rule_covers_one_that_can_never_match(first: str, second: str, *, covers: bool) -> None:
    assert Rule(first).covers(Rule(second)) is covers

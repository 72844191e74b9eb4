"""What of a review policy cannot hold for the code that was loaded."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.domain.plan import Plan, TaskKind
from orchestrator.domain.question import QuestionKind
from orchestrator.domain.review_policy import ReviewPolicy


def faults_against(plan: Plan, policy: ReviewPolicy) -> tuple[str, ...]:
    """Rules of which a plan shows that they are wrong, a sentence each; none where all may hold.

    Of a flow the plan knows the methods that ask about their output, with their options; not what
    crews inside it ask, what ``ask()`` does, nor whether a method without options is judged.
    """
    return (*_answers_that_do_not_fit(plan, policy), *_rules_for_nothing(plan, policy))


def _answers_that_do_not_fit(plan: Plan, policy: ReviewPolicy) -> Iterator[str]:
    for name, kind, options in _asking(plan):
        rule = policy.rule_for(name)
        if rule.automatic and not rule.automatic.fits(kind, options):
            takes = f"one of {', '.join(map(repr, options))}" if options else "no outcome"
            answer = f"the answer of the rule {rule.match!r}"
            yield f"{answer} does not fit {name!r}, which takes {takes}"


def _asking(plan: Plan) -> Iterator[tuple[str, QuestionKind, tuple[str, ...]]]:
    """What asks a person: its name, for what, and the options."""
    for task in plan.tasks:
        if task.human_input:
            yield task.name, QuestionKind.JUDGE, ()
    for step in plan.steps:
        if step.asks:
            yield (
                step.name,
                QuestionKind.CHOICE if step.options else QuestionKind.JUDGE,
                step.options,
            )


def _rules_for_nothing(plan: Plan, policy: ReviewPolicy) -> Iterator[str]:
    if plan.is_flow:
        return
    names = [task.name for task in plan.tasks if task.kind is TaskKind.TASK]
    for rule in policy.rules:
        if not any(map(rule.matches, names)):
            yield f"the rule {rule.match!r} matches none of the tasks: {', '.join(names)}"

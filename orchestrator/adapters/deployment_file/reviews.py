"""Who is asked in the reviews of a deployment, as it is written: rules, ladders, groups."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PlainValidator, model_validator

from orchestrator.adapters.deployment_file.values import Address, AskText, Length, Table, Waiting
from orchestrator.domain.review_policy import Automatic, Duration, Group, Rule, Rung


def _decisions(value: object) -> int:
    if value == "any":
        return 1
    of = value.get("of") if isinstance(value, dict) and len(value) == 1 else None
    if type(of) is not int or of < 1:
        raise ValueError("must be 'any', or { of = 2 }: how many have to agree")
    return of


class GroupTable(Table):
    """One group of people."""

    members: list[Address] = Field(min_length=1)
    claim_timeout: Length | None = None

    def group(self, name: str) -> Group:
        """The group, each member once."""
        return Group(name, tuple(dict.fromkeys(self.members)), self.claim_timeout)


class RungTable(Table):
    """One step of a rule's ladder."""

    after: Waiting
    ask: list[AskText] = Field(min_length=1)


class AnswerTable(Table):
    """The automatic answer of a rule."""

    approve: Literal[True] | None = None
    reject: Annotated[str, Field(min_length=1)] | None = None
    outcome: Annotated[str, Field(min_length=1)] | None = None
    words: str = ""

    @model_validator(mode="after")
    def _is_one(self) -> AnswerTable:
        given = [each for each in (self.approve, self.reject, self.outcome) if each is not None]
        if len(given) != 1:
            raise ValueError(
                "must be one of { approve = true }, { reject = 'words' } and { outcome = 'option' }"
            )
        if self.reject is not None and (self.words or not self.reject.strip()):
            raise ValueError("'reject' is the words itself: what the task has to do better")
        return self

    def automatic(self, after: Duration) -> Automatic:
        """The answer, after that time."""
        if self.outcome is not None:
            return Automatic(after, outcome=self.outcome, words=self.words)
        approved = self.reject is None
        return Automatic(after, approved=approved, words=self.reject or self.words)


class RuleTable(Table):
    """One rule as it is written. What is absent has the default of ``Rule``."""

    match: Annotated[str, Field(min_length=1)] = "*"
    ask: list[AskText] = Field(default_factory=list)
    decisions: Annotated[int, PlainValidator(_decisions)] = 1
    four_eyes: bool = False
    careful: bool = False
    calendar: str | None = None
    remind_after: Waiting | None = None
    escalate: list[RungTable] = Field(default_factory=list)
    answer_after: Waiting | None = None
    answer: AnswerTable | None = None
    sla: Waiting | None = None

    @model_validator(mode="after")
    def _answers_at_a_time(self) -> RuleTable:
        if self.answer is not None and self.answer_after is None:
            raise ValueError("'answer' needs 'answer_after': how long people have first")
        if self.answer_after is not None and self.answer is None:
            raise ValueError("'answer_after' needs 'answer', such as { approve = true }")
        return self

    def rule(self) -> Rule:
        """The rule. What it refers to is not looked at."""
        automatic = (
            self.answer.automatic(self.answer_after) if self.answer and self.answer_after else None
        )
        return Rule(
            match=self.match,
            ask=tuple(self.ask),
            decisions=self.decisions,
            four_eyes=self.four_eyes,
            careful=self.careful,
            calendar=self.calendar,
            remind_after=self.remind_after,
            ladder=tuple(Rung(each.after, tuple(each.ask)) for each in self.escalate),
            automatic=automatic,
            sla=self.sla,
        )

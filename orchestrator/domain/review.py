"""A review: one round of asking a person, and the feedback that answers it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from orchestrator.domain.checkpoint import uncounted
from orchestrator.domain.deadlines import Deadlines
from orchestrator.domain.feedback import Feedback, Scope
from orchestrator.domain.machine import Machine, Transition
from orchestrator.domain.question import Question, QuestionKind
from orchestrator.domain.renaming import Renames
from orchestrator.domain.review_terms import Terms


class ReviewState(StrEnum):
    """Where a review stands. Only an open one (``PENDING``) takes a decision."""

    PENDING = "PENDING"
    """A person is asked. Whoever answers first decides."""
    ANSWERED = "ANSWERED"
    """It has its one decision."""
    EXPIRED = "EXPIRED"
    """Its deadline passed before anybody answered."""
    WITHDRAWN = "WITHDRAWN"
    """Its execution ended, or was rewound, before anybody answered."""


REVIEW = Machine(
    "review",
    ReviewState.PENDING,
    (
        Transition("answer", (ReviewState.PENDING,), ReviewState.ANSWERED, "a person decided"),
        Transition(
            "weigh",
            (ReviewState.PENDING,),
            ReviewState.PENDING,
            "a model has to say which option a person's words mean",
        ),
        Transition(
            "undecided",
            (ReviewState.PENDING,),
            ReviewState.PENDING,
            "the model failed or named none of the options, or others have to decide",
        ),
        Transition(
            "claim",
            (ReviewState.PENDING,),
            ReviewState.PENDING,
            "one of those who are asked has it to themselves for a while",
        ),
        Transition(
            "release",
            (ReviewState.PENDING,),
            ReviewState.PENDING,
            "whoever claimed it gave it back, or had it too long",
        ),
        Transition(
            "remind", (ReviewState.PENDING,), ReviewState.PENDING, "nobody has answered so far"
        ),
        Transition(
            "escalate",
            (ReviewState.PENDING,),
            ReviewState.PENDING,
            "nobody has answered so far: the next ones on the ladder are asked as well",
        ),
        Transition(
            "reroute",
            (ReviewState.PENDING,),
            ReviewState.PENDING,
            "a person had others asked, or had it follow the policy as it is now",
        ),
        Transition("expire", (ReviewState.PENDING,), ReviewState.EXPIRED, "its deadline passed"),
        Transition(
            "withdraw",
            (ReviewState.PENDING,),
            ReviewState.WITHDRAWN,
            "the execution failed, or was stopped or rewound; or a person withdrew it",
        ),
    ),
)


def judge(path: str = "", name: str = "") -> Question:
    """The question that a crew's task with ``human_input`` asks: is this good enough?"""
    return Question(QuestionKind.JUDGE, path, name)


@dataclass(frozen=True, slots=True)
class Review:
    """One round of asking a person about one output. Its id is never used again.

    ``path`` names the step that asks, ``task_name`` is what people know it by. ``weighing`` says
    that a model has yet to say which option the ``words`` mean, ``note`` why it could not.
    ``token_hash`` is that of the token with which one may answer without an account.

    ``terms`` are what the deployment's policy says of it; None where nobody in particular is asked.
    ``rung`` is how far up the ladder it is. ``claimed_by`` is the address of the person who has it
    to themselves until ``claim_until``. ``due_at`` is the first of the times at which something is
    to be done about it, ``deadline_at`` of those by which a person should have decided.

    ``scope`` says which tasks read the words. ``read_by`` is the id of the first task run that was
    given them; of an execution, where a fork took them along; and the review's own, where nobody
    kept track of it. ``taken_back_at`` is when they were taken back before that, ``taken_back_by``
    by whom. ``passed_on_as`` is the id of the note that has them in its stead, where they sent the
    work back to an earlier task.
    """

    id: str
    execution_id: str
    deployment: str
    task_run_id: str
    path: str
    task_name: str
    round: int
    state: ReviewState
    version: int
    output_id: str
    output_digest: str
    created_at: datetime
    expires_at: datetime | None = None
    closed_at: datetime | None = None
    approved: bool | None = None
    words: str | None = None
    edited_output_id: str | None = None
    actor: str | None = None
    channel: str | None = None
    reviewer: str | None = None
    question: Question = field(default_factory=judge)
    outcome: str | None = None
    weighing: bool = False
    note: str | None = None
    token_hash: str | None = None
    terms: Terms | None = None
    rung: int = 0
    remind_at: datetime | None = None
    escalate_at: datetime | None = None
    answer_at: datetime | None = None
    sla_at: datetime | None = None
    claimed_by: str | None = None
    claim_until: datetime | None = None
    due_at: datetime | None = None
    deadline_at: datetime | None = None
    scope: Scope = None
    read_by: str | None = None
    taken_back_at: datetime | None = None
    taken_back_by: str | None = None
    passed_on_as: str | None = None

    @property
    def kind(self) -> QuestionKind:
        """What kind of answer is asked for."""
        return self.question.kind

    @property
    def is_open(self) -> bool:
        """Whether a decision would still be taken."""
        return self.state is ReviewState.PENDING

    @property
    def is_unanswered(self) -> bool:
        """Whether nobody has said anything so far: deadlines count for no other."""
        return self.is_open and not self.weighing

    def answer(
        self, feedback: Feedback, now: datetime, edited_output_id: str | None = None
    ) -> Review:
        """A person decided."""
        return replace(
            self,
            state=REVIEW.follow("answer", self.state),
            closed_at=now,
            approved=feedback.approved,
            outcome=feedback.outcome,
            words=feedback.words,
            actor=feedback.actor,
            channel=feedback.channel,
            reviewer=feedback.reviewer,
            edited_output_id=edited_output_id,
            weighing=False,
            note=None,
            scope=feedback.scope,
            read_by=self.read_by if self.words == feedback.words else None,
        )

    def weigh(self, feedback: Feedback, edited_output_id: str | None = None) -> Review:
        """A person said something, and a model has to say which option that means."""
        return replace(
            self,
            state=REVIEW.follow("weigh", self.state),
            words=feedback.words,
            actor=feedback.actor,
            channel=feedback.channel,
            reviewer=feedback.reviewer,
            edited_output_id=edited_output_id,
            weighing=True,
            note=None,
            read_by=None,
        )

    def undecided(self, note: str) -> Review:
        """Nothing came of what is weighed, as the note says: a person is asked again."""
        state = REVIEW.follow("undecided", self.state)
        return replace(self, state=state, weighing=False, note=note)

    def on_terms(self, terms: Terms | None, deadlines: Deadlines) -> Review:
        """What the policy says of it, from the moment at which it is opened."""
        return self._timed(
            terms=terms,
            remind_at=deadlines.remind_at,
            escalate_at=deadlines.escalate_at,
            answer_at=deadlines.answer_at,
            sla_at=deadlines.sla_at,
        )

    @property
    def deadlines(self) -> Deadlines:
        """When something is done about it while nobody answers."""
        return Deadlines(self.remind_at, self.escalate_at, self.answer_at, self.sla_at)

    def claim(self, who: str, until: datetime) -> Review:
        """One of those who are asked has it to themselves until then."""
        state = REVIEW.follow("claim", self.state)
        return self._timed(state=state, claimed_by=who, claim_until=until)

    def release(self) -> Review:
        """Nobody has it to themselves any more."""
        state = REVIEW.follow("release", self.state)
        return self._timed(state=state, claimed_by=None, claim_until=None)

    def holder(self, now: datetime) -> str | None:
        """The address of whoever has it to themselves now."""
        is_held = self.claim_until is not None and self.claim_until > now
        return self.claimed_by if is_held else None

    def remind(self, again_at: datetime | None) -> Review:
        """Those who are asked were reminded; ``again_at`` is when they are next."""
        return self._timed(state=REVIEW.follow("remind", self.state), remind_at=again_at)

    def remind_by(self, moment: datetime) -> Review:
        """A reminder is due at that moment at the latest."""
        return self._timed(remind_at=min(self.remind_at or moment, moment))

    def escalate(self, next_at: datetime | None) -> Review:
        """The next rung of the ladder was reached; ``next_at`` is when the one after it is."""
        state = REVIEW.follow("escalate", self.state)
        return self._timed(state=state, rung=self.rung + 1, escalate_at=next_at)

    def reroute(self, terms: Terms | None, deadlines: Deadlines) -> Review:
        """It follows these terms from now on, and nobody has claimed it."""
        state = REVIEW.follow("reroute", self.state)
        fresh = replace(self, state=state, claimed_by=None, claim_until=None)
        return fresh.on_terms(terms, deadlines)

    def unanswerable(self, note: str) -> Review:
        """The automatic answer does not fit the question: people have to decide."""
        state = REVIEW.follow("undecided", self.state)
        return self._timed(state=state, weighing=False, note=note, answer_at=None)

    def _timed(self, **changes: Any) -> Review:
        changed = replace(self, **changes)
        times = (changed.remind_at, changed.escalate_at, changed.answer_at, changed.claim_until)
        ends = (changed.expires_at, changed.answer_at, changed.sla_at)
        return replace(
            changed,
            due_at=min(filter(None, times), default=None),
            deadline_at=min(filter(None, ends), default=None),
        )

    @property
    def weighed(self) -> Feedback:
        """What a person said while a model weighs it."""
        return Feedback(
            words=self.words or "",
            actor=self.actor or "",
            channel=self.channel or "",
            reviewer=self.reviewer,
        )

    def rename(self, renames: Renames) -> Review:
        """The tasks and steps have other names now. Neither state nor id changes."""
        path, name = renames.path(self.path), renames.name(self.path, self.task_name)
        scope = self.scope and tuple(renames.names.get(each, each) for each in self.scope)
        question = replace(
            self.question,
            path=renames.path(self.question.path),
            name=renames.name(self.question.path, self.question.name),
        )
        return replace(self, path=path, task_name=name, scope=scope, question=question)

    def read(self, by: str) -> Review:
        """A run, or a fork, was given the words: they cannot be taken back any more."""
        return replace(self, read_by=by)

    def take_back(self, now: datetime, who: str, left: str | None) -> Review:
        """Words were taken back; ``left`` are those of the others who decided with that person."""
        return replace(self, words=left, taken_back_at=now, taken_back_by=who)

    def expire(self, now: datetime) -> Review:
        """The deadline passed."""
        return self._closed("expire", now, "sweep")

    def withdraw(self, now: datetime, actor: str) -> Review:
        """The execution ended or was rewound, or a person withdrew it."""
        return self._closed("withdraw", now, actor)

    def _closed(self, transition: str, now: datetime, actor: str) -> Review:
        state = REVIEW.follow(transition, self.state)
        return replace(self, state=state, closed_at=now, actor=actor)

    def came_before(self, later: Review) -> bool:
        """Whether it is an answered round of the same task or method before another."""
        same = uncounted(self.path, self.task_name) == uncounted(later.path, later.task_name)
        return same and self.round < later.round and self.state is ReviewState.ANSWERED

    def winner(self) -> dict[str, Any]:
        """What the loser of a race is told about the decision that won: who, when, how."""
        decision = {
            "review_id": self.id,
            "round": self.round,
            "state": self.state.value,
            "approved": self.approved,
            "outcome": self.outcome,
            "feedback": self.words,
            "by": self.reviewer or self.actor,
            "via": self.channel,
            "at": self.closed_at.isoformat() if self.closed_at else None,
        }
        return {key: value for key, value in decision.items() if value is not None}

    def summary(self) -> str:
        """The same as a sentence."""
        via = f" via {self.channel}" if self.channel else ""
        at = f" at {self.closed_at.isoformat()}" if self.closed_at else ""
        return f"Review {self.state.lower()} by {self.reviewer or self.actor}{via}{at}"

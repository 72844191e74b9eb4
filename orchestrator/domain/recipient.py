"""A recipient: one person who is asked in one review, and what that person said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from orchestrator.domain.feedback import Feedback
from orchestrator.domain.machine import Machine, Transition

REPLIES_COUNT_FOR = timedelta(days=7)
"""For so long a mail can be answered in any case; longer where its review's deadline is later."""


class RecipientState(StrEnum):
    """Where a recipient stands. Only who is ``ASKED`` may decide."""

    ASKED = "ASKED"
    """The review waits for this person, among others."""
    VOTED = "VOTED"
    """This person decided; others have to as well."""
    DELEGATED = "DELEGATED"
    """This person handed the review on."""
    RELIEVED = "RELIEVED"
    """Somebody else is asked instead, or nobody."""


RECIPIENT = Machine(
    "recipient",
    RecipientState.ASKED,
    (
        Transition("vote", (RecipientState.ASKED,), RecipientState.VOTED, "the person decided"),
        Transition(
            "ask_again",
            (RecipientState.VOTED,),
            RecipientState.ASKED,
            "those who were asked did not agree",
        ),
        Transition(
            "delegate", (RecipientState.ASKED,), RecipientState.DELEGATED, "the person handed it on"
        ),
        Transition(
            "relieve",
            (RecipientState.ASKED, RecipientState.VOTED),
            RecipientState.RELIEVED,
            "the review was reassigned or rerouted",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Recipient:
    """One person, by address, in one round of asking.

    ``rung`` is 0 for those who were asked as the review opened, then the step of the ladder.
    ``reason`` says why this person (``group legal``, ``creator``, ``delegated by …``). ``by_group``
    is the group as whose member they are asked; None where they are meant by themselves.
    ``token_hash`` is that of the token of this person's mail: one for each person and round.
    ``trouble`` says why a mail did not arrive, until a later one to that address does.
    ``snoozed_until`` keeps reminders back.
    """

    id: str
    review_id: str
    execution_id: str
    deployment: str
    address: str
    state: RecipientState
    version: int
    rung: int
    reason: str
    created_at: datetime
    token_hash: str | None = None
    trouble: str | None = None
    snoozed_until: datetime | None = None
    delegated_to: str | None = None
    decided_at: datetime | None = None
    approved: bool | None = None
    outcome: str | None = None
    words: str | None = None
    channel: str | None = None
    by_group: str | None = None

    @property
    def is_asked(self) -> bool:
        """Whether this person may decide."""
        return self.state is RecipientState.ASKED

    def vote(self, feedback: Feedback, now: datetime) -> Recipient:
        """The person decided; that counts once enough others have."""
        return replace(
            self,
            state=RECIPIENT.follow("vote", self.state),
            decided_at=now,
            approved=feedback.approved,
            outcome=feedback.outcome,
            words=feedback.words,
            channel=feedback.channel,
        )

    def ask_again(self) -> Recipient:
        """The votes led to nothing."""
        state = RECIPIENT.follow("ask_again", self.state)
        return replace(
            self,
            state=state,
            decided_at=None,
            approved=None,
            outcome=None,
            words=None,
            channel=None,
        )

    def take_back(self) -> Recipient:
        """The person's words are gone, and the vote stays."""
        return replace(self, words=None)

    def snooze(self, until: datetime) -> Recipient:
        """No reminders until then."""
        return replace(self, snoozed_until=until)

    def wake(self) -> Recipient:
        """The person was reminded at the time that they had said."""
        return replace(self, snoozed_until=None)

    def is_snoozed(self, now: datetime) -> bool:
        """Whether the person is left in peace now."""
        return self.snoozed_until is not None and self.snoozed_until > now

    def may_reply(self, now: datetime, expires_at: datetime | None) -> bool:
        """Whether a reply to the person's mails counts; ``expires_at`` is the review's deadline."""
        return now <= max(self.created_at + REPLIES_COUNT_FOR, expires_at or self.created_at)

    def undeliverable(self, why: str) -> Recipient:
        """A mail did not arrive, and will not."""
        return replace(self, trouble=why)

    def reached(self) -> Recipient:
        """A later mail to the person's address arrived."""
        return replace(self, trouble=None)

    def delegate(self, to: str) -> Recipient:
        """The person handed the review on."""
        return replace(self, state=RECIPIENT.follow("delegate", self.state), delegated_to=to)

    def relieve(self) -> Recipient:
        """Somebody else is asked."""
        return replace(self, state=RECIPIENT.follow("relieve", self.state))

"""Hand a review on; have others asked instead; put one off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from orchestrator.domain.entitlement import may_delegate
from orchestrator.domain.recipient import RecipientState
from orchestrator.domain.review import Review
from orchestrator.domain.review_terms import Asked, Terms
from orchestrator.domain.routing import present
from orchestrator.errors import Invalid, NotEntitled
from orchestrator.ports import Ports
from orchestrator.usecases.reviews.ask import ask
from orchestrator.usecases.reviews.locked_review import Act, LockedReview, with_open_review
from orchestrator.wire.notices import Notice


def delegate(ports: Ports, act: Act, who: str, to: str) -> Review:
    """One of those who are asked hands the review on; their own right to decide ends.

    Raises NotEntitled, also for somebody who may not have it: who handed it on before, is asked
    already, or is excluded by four eyes.
    """

    def work(asked: LockedReview) -> None:
        locked, review = asked.locked, asked.review
        giver = asked.recipient(who)
        terms = review.terms or Terms()
        why_not = may_delegate(terms, asked.recipients, who, to)
        if why_not is not None:
            raise NotEntitled(why_not)
        _require_here(asked, terms, to)
        given = locked.tx.recipients.save(giver, giver.delegate(to))
        locked.record("recipient.delegate", given.id, review, by=who, to=to)
        if review.claimed_by == who:
            review = locked.save_review("release", review, review.release(), by=who)
        _ask(asked, review, [Asked(to, f"delegated by {who}")], Notice.DELEGATED)

    return with_open_review(ports, act, work)


def _require_here(asked: LockedReview, terms: Terms, to: str) -> None:
    absences = asked.locked.tx.absences.at(asked.locked.now)
    if not present([Asked(to, "")], absences, terms.excluded):
        raise NotEntitled(f"{to} is away until {absences[to].until.isoformat()}")


def reassign(ports: Ports, act: Act, to: Sequence[str]) -> Review:
    """These are asked, and nobody who was. Raises NotEntitled for those whom four eyes exclude."""

    def work(asked: LockedReview) -> None:
        locked, review = asked.locked, asked.review
        terms = review.terms or Terms()
        if len(to) < terms.decisions:
            message = f"{terms.decisions} have to decide on this review: name as many at least."
            raise Invalid(message, {"to": message})
        for address in to:
            if address in terms.excluded:
                raise NotEntitled(f"{address} may not decide on this review (four eyes)")
        relieve_all(asked)
        review = locked.save_review(
            "reroute", review, review.reroute(terms, review.deadlines), to=list(to)
        )
        _ask(asked, review, [Asked(address, "reassigned") for address in to], Notice.REQUEST)

    return with_open_review(ports, act, work)


def relieve_all(asked: LockedReview) -> None:
    """Nobody who was asked is any more; what some have voted is void."""
    for each in asked.recipients:
        if each.state in (RecipientState.ASKED, RecipientState.VOTED):
            relieved = asked.locked.tx.recipients.save(each, each.relieve())
            asked.locked.record("recipient.relieve", relieved.id, asked.review, to=relieved.address)


def snooze(ports: Ports, act: Act, who: str, until: datetime) -> Review:
    """One of those who are asked is left in peace until then, and reminded at that time.

    Raises NotEntitled, and Invalid for a time that has passed.
    """

    def work(asked: LockedReview) -> None:
        locked, review = asked.locked, asked.review
        recipient = asked.recipient(who)
        if until <= locked.now:
            raise Invalid("'until' has passed already.", {"until": "has passed already"})
        put_off = locked.tx.recipients.save(recipient, recipient.snooze(until))
        locked.record("recipient.snooze", put_off.id, review, by=who, until=until.isoformat())
        locked.tx.reviews.save(review, review.remind_by(until))

    return with_open_review(ports, act, work)


def _ask(asked: LockedReview, review: Review, people: Sequence[Asked], notice: Notice) -> None:
    output = asked.locked.tx.outputs.get([review.output_id])[review.output_id]
    ask(asked.locked, review, output, people, notice)

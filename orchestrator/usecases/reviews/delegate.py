"""Hand a review on to somebody else."""

from __future__ import annotations

from orchestrator.domain.entitlement import may_delegate
from orchestrator.domain.review import Review
from orchestrator.domain.review_terms import AskedPerson, Terms
from orchestrator.errors import NotEntitled
from orchestrator.ports import Ports
from orchestrator.usecases.reviews.ask import ask
from orchestrator.usecases.reviews.locked_review import Act, LockedReview, with_open_review
from orchestrator.usecases.reviews.notices import output_of
from orchestrator.usecases.reviews.weigh import weigh_no_more
from orchestrator.wire.notices import Notice


def delegate(ports: Ports, act: Act, who: str, to: str) -> Review:
    """One of those who are asked hands the review on; their own right to decide ends.

    Where the other is away, whoever stands in for them has it. Raises NotEntitled, also for
    somebody who may not have it: who handed it on before, is asked already, or is excluded by four
    eyes.
    """

    def work(asked: LockedReview) -> None:
        locked, review = asked.locked, asked.review
        giver = asked.recipient(who)
        terms = review.terms or Terms()
        _require_free(asked, terms, who, to)
        stand_in = asked.who_is_here(AskedPerson(to, f"delegated by {who}"))
        _require_free(asked, terms, who, stand_in.address)
        given = locked.tx.recipients.save(giver, giver.delegate(stand_in.address))
        locked.record("recipient.delegate", given.id, review, by=who, to=stand_in.address)
        if review.claimed_by == who:
            review = locked.save_review("release", review, review.release(), by=who)
        ask(locked, review, output_of(locked, review), [stand_in], Notice.DELEGATED)
        weigh_no_more(locked, review)

    return with_open_review(ports, act, work)


def _require_free(asked: LockedReview, terms: Terms, who: str, to: str) -> None:
    why_not = may_delegate(terms, asked.recipients, who, to)
    if why_not is not None:
        raise NotEntitled(why_not)

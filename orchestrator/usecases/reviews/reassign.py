"""Have others asked in a review instead of those who were."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.domain.recipient import Recipient, RecipientState
from orchestrator.domain.review import Review
from orchestrator.domain.review_terms import AskedPerson, Terms
from orchestrator.errors import Invalid, NotEntitled
from orchestrator.ports import Ports
from orchestrator.usecases.reviews.ask import ask
from orchestrator.usecases.reviews.locked_review import Act, LockedReview, with_open_review
from orchestrator.usecases.reviews.notices import output_of
from orchestrator.usecases.reviews.weigh import weigh_no_more


def reassign(ports: Ports, act: Act, to: Sequence[str]) -> Review:
    """These are asked, and nobody who was; in the place of who is away, whoever stands in for them.

    Raises NotEntitled for those whom four eyes exclude, and who are away with nobody to stand in.
    """

    def work(asked: LockedReview) -> None:
        locked, review = asked.locked, asked.review
        terms = review.terms or Terms()
        for address in to:
            if address in terms.excluded:
                raise NotEntitled(f"{address} may not decide on this review (four eyes)")
        here = [asked.who_is_here(AskedPerson(address, "reassigned")) for address in to]
        people = {each.address: each for each in here}  # nobody has two votes
        if len(people) < terms.decisions:
            message = f"{terms.decisions} have to decide on this review: name as many at least."
            raise Invalid(message, {"to": message})
        relieve(asked, asked.recipients)
        review = locked.save_review(
            "reroute", review, review.reroute(terms, review.deadlines), to=list(people)
        )
        ask(locked, review, output_of(locked, review), people.values())
        weigh_no_more(locked, review)

    return with_open_review(ports, act, work)


def relieve(asked: LockedReview, recipients: Iterable[Recipient]) -> None:
    """These are asked no more; what some of them have voted is void."""
    for each in recipients:
        if each.state in (RecipientState.ASKED, RecipientState.VOTED):
            relieved = asked.locked.tx.recipients.save(each, each.relieve())
            asked.locked.record("recipient.relieve", relieved.id, asked.review, to=relieved.address)

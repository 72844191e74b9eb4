"""Who may decide a review, and who may hand it on. None: may; else the reason, as a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from orchestrator.domain.person import address_of
from orchestrator.domain.recipient import Recipient, RecipientState
from orchestrator.domain.review import Review
from orchestrator.domain.review_terms import Terms


def refusal(
    terms: Terms,
    recipients: Sequence[Recipient],
    claimed_by: str | None,
    claim_until: datetime | None,
    who: str | None,
    now: datetime,
) -> str | None:
    """Why that person may not decide the review.

    ``who`` is None for a caller with a token of the deployment who names nobody. That is enough
    where one decision by anybody will do, and so it is where the review asks nobody by name.
    """
    anybody = not terms.needs_names
    if who is None:
        if not anybody:
            return "This review has to know who decides: say who you are, by your address"
        return _claimed_by_another(claimed_by, claim_until, None, now)
    person = address_of(who) or who
    if terms.four_eyes and person in terms.excluded:
        return _four_eyes(person)
    if recipients or not anybody:
        not_asked = _not_asked(recipients, person)
        if not_asked is not None:
            return not_asked
    return _claimed_by_another(claimed_by, claim_until, person, now)


def refusal_in(
    review: Review, recipients: Sequence[Recipient], who: str | None, now: datetime
) -> str | None:
    """The same for a review as it stands; where nobody in particular is asked, anybody may."""
    if review.terms is None:
        return None
    claim = (review.claimed_by, review.claim_until)
    return refusal(review.terms, recipients, *claim, who, now)


def may_delegate(terms: Terms, recipients: Sequence[Recipient], who: str, to: str) -> str | None:
    """Why that person may not hand the review on to the other."""
    person, other = address_of(who) or who, address_of(to)
    not_asked = _not_asked(recipients, person)
    if not_asked is not None:
        return not_asked
    if other is None:
        return f"{to!r} is no mail address"
    if other == person:
        return f"{person} has the review already"
    if terms.four_eyes and other in terms.excluded:
        return _four_eyes(other)
    return _known_to(recipients, other)


def _four_eyes(person: str) -> str:
    return (
        f"{person} may not decide this review: it wants four eyes, and {person} kicked the "
        "execution off or answered the round before"
    )


def _not_asked(recipients: Sequence[Recipient], person: str) -> str | None:
    """Why the person is not among those who are asked."""
    rows = [each for each in recipients if each.address == person]
    if any(each.is_asked for each in rows):
        return None
    if not rows:
        return f"{person} is not asked in this review"
    last = rows[-1]
    if last.state is RecipientState.VOTED:
        return f"{person} has decided already; others still have to"
    if last.state is RecipientState.DELEGATED:
        return f"{person} handed this review on to {last.delegated_to}"
    return f"{person} is not asked in this review any more: it was given to others"


def _known_to(recipients: Sequence[Recipient], other: str) -> str | None:
    """Why the review cannot go to somebody who has, or had, a part in it."""
    states = {each.state for each in recipients if each.address == other}
    if RecipientState.ASKED in states:
        return f"{other} is asked already"
    if RecipientState.VOTED in states:
        return f"{other} has decided already"
    if RecipientState.DELEGATED in states:
        return f"{other} handed this review on: it would go in a circle"
    return None


def _claimed_by_another(
    claimed_by: str | None, until: datetime | None, person: str | None, now: datetime
) -> str | None:
    if claimed_by is None or claimed_by == person or (until is not None and until <= now):
        return None
    for_how_long = f" until {until.isoformat(timespec='minutes')}" if until else ""
    return f"{claimed_by} has claimed this review{for_how_long}"

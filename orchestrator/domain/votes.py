"""What the votes of those who are asked come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from orchestrator.domain.question import QuestionKind
from orchestrator.domain.recipient import Recipient, RecipientState
from orchestrator.domain.review_terms import Terms

_FIRST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class VoteResult:
    """What a review is answered with: one of ``approved`` and ``outcome``, or ``words`` alone.

    ``words`` are those of all votes, with who said them where several said something. Where all
    have voted and too few agree it is ``undecided``, and answers nothing.
    """

    approved: bool | None = None
    outcome: str | None = None
    words: str = ""
    undecided: bool = False


def tally(terms: Terms, recipients: Sequence[Recipient], kind: QuestionKind) -> VoteResult | None:
    """What the votes come to so far, None while it is open.

    One rejection rejects. As many approvals, or votes for one outcome, as ``terms.decisions`` says
    decide; of a question that asks for words, or what became of a call, the first vote. Whether a
    call may be made is judged as an output is.
    """
    votes = sorted(
        (each for each in recipients if each.state is RecipientState.VOTED),
        key=lambda vote: vote.decided_at or _FIRST,
    )
    if not votes:
        return None
    if kind in (QuestionKind.JUDGE, QuestionKind.APPROVAL):
        decided = _judged(votes, terms.decisions)
    elif kind is QuestionKind.CHOICE:
        decided = _chosen(votes, terms.decisions)
    else:
        decided, votes = _said(votes[0]), votes[:1]
    if decided is None:
        if any(each.is_asked for each in recipients):
            return None
        decided = VoteResult(undecided=True)
    return replace(decided, words=together(votes))


def _judged(votes: Sequence[Recipient], wanted: int) -> VoteResult | None:
    rejected = [vote for vote in votes if vote.approved is False]
    if rejected:
        return _said(rejected[0])
    approved = [vote for vote in votes if vote.approved]
    return _said(approved[0]) if len(approved) >= wanted else None


def _chosen(votes: Sequence[Recipient], wanted: int) -> VoteResult | None:
    chosen = Counter(vote.outcome for vote in votes if vote.outcome is not None)
    outcome = next((each for each, count in chosen.items() if count >= wanted), None)
    return None if outcome is None else VoteResult(outcome=outcome)


def _said(vote: Recipient) -> VoteResult:
    return VoteResult(approved=vote.approved, outcome=vote.outcome)


def together(votes: Sequence[Recipient]) -> str:
    """The words of all votes, with who said them where several said something."""
    said = [(vote.address, (vote.words or "").strip()) for vote in votes]
    said = [(address, words) for address, words in said if words]
    if len(said) == 1:
        return said[0][1]
    return "\n\n".join(f"{address}: {words}" for address, words in said)

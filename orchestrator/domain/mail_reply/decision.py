"""What the words of a reply decide."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.domain.feedback import option_meant, reads_as_approval
from orchestrator.domain.question import Question, QuestionKind

_REJECTIONS = frozenset({"reject", "rejected"})


@dataclass(frozen=True, slots=True)
class Decision:
    """What a reply decides: ``approved`` of a JUDGE question, ``outcome`` of one with options.

    Both are None where the words go on as they are: as an answer in words, or to be weighed.
    """

    words: str
    approved: bool | None = None
    outcome: str | None = None


def decision_of(text: str, question: Question) -> Decision:
    """Read what a person wrote; ``text`` is not empty.

    The first line decides if it is nothing but an option; the rest are the words. Anything else is
    feedback: for a task it asks for changes, an approval is never guessed.
    """
    first, _, rest = text.strip().partition("\n")
    rest = rest.strip()
    if question.kind is QuestionKind.JUDGE:
        if reads_as_approval(first):
            return Decision(rest, approved=True)
        if first.strip().casefold().rstrip(".!, ") in _REJECTIONS:
            return Decision(rest, approved=False)
        return Decision(text.strip(), approved=False)
    if question.options:
        meant = option_meant(first, question)
        if meant is not None:
            return Decision(rest, outcome=meant)
    return Decision(text.strip())

"""A question: what a runner has a person asked, in the middle of an execution."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum

from orchestrator.domain.canonical import JsonObject

ANSWER_SCHEMA = "answer_schema"
"""The key of an INPUT question's metadata under which the JSON Schema of its answer may stand."""


class QuestionKind(StrEnum):
    """What kind of answer is asked for."""

    JUDGE = "judge"
    """Approve the output, or ask for changes: the same step then runs again with the words."""
    CHOICE = "choice"
    """One of the options; words beside it are context."""
    WORDS = "words"
    """Words on the output, which go on as they are."""
    INPUT = "input"
    """Words that the code asked for while it ran."""
    EFFECT = "effect"
    """What became of a tool's call: one of ``Effect``, in the person's own hand, never weighed."""
    APPROVAL = "approval"
    """Whether a tool may be called: one of ``Consent``, never read from words."""

    @property
    def is_about_call(self) -> bool:
        """Whether it concerns the call of a tool, and no output: it is no part of the history."""
        return self in (QuestionKind.EFFECT, QuestionKind.APPROVAL)


class Consent(StrEnum):
    """What a person says of a tool's call that may not be made unasked."""

    APPROVE = "approve"
    """It is made, with the arguments that were asked about or with those that the person wrote."""
    REJECT = "reject"
    """It is not made: the agent is told the words in place of its result."""


class Effect(StrEnum):
    """What a person says of a tool's call that was begun, and whose end nobody wrote down."""

    DONE = "done"
    """It took effect, with the result that the words are: it is not made again."""
    AGAIN = "run-again"
    """It took none, or may take it twice: it is made again."""
    GIVE_UP = "give-up"
    """The execution fails."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question, about the output of one step.

    ``path`` names the step that asks, unique within an execution except for the rounds of a JUDGE
    question. ``name`` is what people know it by (a task's or a method's name). ``options`` are
    those of a CHOICE, ``default`` the one that an empty answer means. ``state`` is the runner's
    state in plain words, for people to look at.
    """

    kind: QuestionKind
    path: str
    name: str
    message: str = ""
    options: tuple[str, ...] = ()
    default: str | None = None
    metadata: JsonObject = field(default_factory=dict)
    state: JsonObject | None = None

    def to_json(self) -> JsonObject:
        """The form in which a question is stored."""
        return {**asdict(self), "options": list(self.options)}

    @classmethod
    def from_json(cls, stored: JsonObject) -> Question:
        """Build it again; what a later version may have added is passed over."""
        options, metadata, state = (stored.get(key) for key in ("options", "metadata", "state"))
        default = stored.get("default")
        return cls(
            kind=QuestionKind(str(stored["kind"])),
            path=str(stored["path"]),
            name=str(stored["name"]),
            message=str(stored.get("message", "")),
            options=tuple(map(str, options)) if isinstance(options, list) else (),
            default=None if default is None else str(default),
            metadata=metadata if isinstance(metadata, dict) else {},
            state=state if isinstance(state, dict) else None,
        )

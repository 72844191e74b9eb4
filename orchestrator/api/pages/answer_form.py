"""The form in which a person answers a review: what it shows, and what it says once it is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote_plus

from orchestrator.api.pages.reach_form import readers_in, scope_in, shown_reach
from orchestrator.api.pages.shown_output import LONGEST_OUTPUT, shown_output
from orchestrator.api.pages.typed_fields import BUTTON, Field, fields_of_schema, is_typed
from orchestrator.api.pages.typed_form import data_in, filled
from orchestrator.api.pages.word_difference import Stretch, difference
from orchestrator.domain.canonical import digest
from orchestrator.domain.output import Output
from orchestrator.domain.question import QuestionKind
from orchestrator.domain.reach import Reach
from orchestrator.domain.review import Review
from orchestrator.domain.typed_answer import answer_schema
from orchestrator.errors import Invalid, OrchestratorError
from orchestrator.wire.moment import iso
from orchestrator.wire.notices import said_automatically
from orchestrator.wire.requests import ONWARD, RespondBody, parse
from orchestrator.wire.shown import moment, plain

MOST_FIELDS = 1000

_APPROVE, _REJECT = "approve", "reject"
_EDITABLE = (QuestionKind.JUDGE, QuestionKind.APPROVAL)
"""What may be approved in a text of one's own: an output, or the arguments of a call."""
_TAKES_WORDS = (QuestionKind.CHOICE, QuestionKind.WORDS, QuestionKind.INPUT)
_VERDICTS = {_APPROVE: "Approve", _REJECT: "Ask for changes"}


@dataclass(frozen=True, slots=True)
class Choice:
    """A button of the form."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Said:
    """What a person put into the form; ``in_words`` where none of the options was chosen.

    ``scope`` says how far the words reach, and ``readers`` which tasks read them where it is
    ``named``. ``only_looks`` is who wants to see what the words would do, and decides nothing.
    ``typed`` are the fields of a typed answer, and ``sends_typed`` says that these are the answer.
    """

    choice: str = ""
    in_words: bool = False
    feedback: str = ""
    edited_output: str = ""
    output_digest: str = ""
    word: str = ""
    scope: str = ONWARD
    readers: tuple[str, ...] = ()
    only_looks: bool = False
    typed: Mapping[str, str] = field(default_factory=dict)
    sends_typed: bool = False
    confirmed: str = ""
    again: bool = False

    @property
    def written(self) -> str:
        """All that would be a pity to lose."""
        return "\n\n".join(filter(None, (self.feedback, self.edited_output)))


def fields_of(raw: bytes) -> dict[str, str]:
    """The fields of a form as a browser sends it. Raises Invalid."""
    try:
        return dict(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise Invalid("This is not what the page's form sends.") from error


def said_in(given: Mapping[str, str]) -> Said:
    """What a person put into the fields of the form."""
    return Said(
        choice=given.get("choice", ""),
        in_words="in_words" in given,
        feedback=_lines(given.get("feedback", "")),
        edited_output=_lines(given.get("edited_output", "")) if given.get("edit") else "",
        output_digest=given.get("output_digest", ""),
        word=given.get("word", ""),
        confirmed=given.get("confirmed", ""),
        again="again" in given,
        scope=given.get("scope", ONWARD),
        readers=readers_in(given),
        only_looks="look" in given,
        typed={key: _lines(text) for key, text in given.items() if is_typed(key)},
        sends_typed=BUTTON in given,
    )


def _lines(text: str) -> str:
    """Browsers end lines as the web does."""
    return text.replace("\r\n", "\n")


def answer_in(review: Review, output: Output, said: Said) -> RespondBody:
    """What the form says, as a call would say it.

    Raises Invalid, also where a careful review lacks what was to be typed.
    """
    _require_word(review, said)
    body: dict[str, Any] = {"feedback": said.feedback, "output_digest": said.output_digest}
    if review.kind is QuestionKind.JUDGE:
        body |= scope_in(said.scope, said.readers)
    if said.sends_typed:
        return parse(RespondBody, body | _typed_in(review, output, said))
    if said.in_words and review.kind in _TAKES_WORDS:
        return parse(RespondBody, body)
    if said.choice not in {each.value for each in offered(review)}:
        raise Invalid("Choose one of the answers.")
    if review.kind in _EDITABLE:
        if said.edited_output and said.choice == _APPROVE:
            body["edited_output"] = said.edited_output
        body["is_approve"] = said.choice == _APPROVE
    else:
        body["outcome"] = said.choice
    return parse(RespondBody, body)


def is_to_be_seen_first(review: Review, output: Output, said: Said) -> bool:
    """Whether the form is to be shown once more before it counts.

    So it is where the person asks what the words will do, and before a text of their own is
    approved: what it changes is shown. Raises Invalid for what could not be taken if it were.
    """
    if said.only_looks:
        return True
    if not (said.edited_output and said.choice == _APPROVE and review.kind in _EDITABLE):
        return False
    if said.again:
        return True
    answer_in(review, output, said)
    is_changed = said.edited_output != _lines(output.raw)
    return is_changed and said.confirmed != digest(said.edited_output)


def _typed_in(review: Review, output: Output, said: Said) -> dict[str, Any]:
    """The fields of a typed answer, as data. Raises Invalid."""
    fields = _typed_fields(review, output)
    if fields is None:
        raise Invalid("This review takes no such answer.")
    answer = data_in(fields, output.json, said.typed)
    if review.kind is QuestionKind.INPUT:
        return {"answer": answer, "feedback": ""}
    return {"answer": answer, "is_approve": True}


def _typed_fields(review: Review, output: Output) -> tuple[Field, ...] | None:
    """The fields of a typed answer, where one may be given on a page."""
    schema = answer_schema(review, output)
    if schema is None or not (review.kind is QuestionKind.INPUT or _may_edit(review, output)):
        return None
    return fields_of_schema(schema)


def _shown_typed(
    review: Review, output: Output, said: Said, details: Mapping[str, Any], *, may_edit: bool
) -> dict[str, Any] | None:
    fields, is_input = _typed_fields(review, output), review.kind is QuestionKind.INPUT
    if fields is None or not (is_input or may_edit):
        return None
    return {
        "fields": filled(fields, None if is_input else output.json, said.typed, details),
        "alone": is_input,
        "open": said.sends_typed,
        "button": "Send these values" if is_input else "Approve these values",
        "send": BUTTON,
    }


def _require_word(review: Review, said: Said) -> None:
    if review.terms is None or not review.terms.careful:
        return
    word = _word(review)
    if said.word.strip().casefold() != word.casefold():
        raise Invalid(f"Type '{word}' to confirm. Nothing was decided.")


def _word(review: Review) -> str:
    """What a person types who is sure: the name of what they decide on."""
    return " ".join(review.task_name.split())


def offered(review: Review) -> list[Choice]:
    """The buttons of a review's form."""
    if review.kind is QuestionKind.JUDGE:
        return [Choice(value, label) for value, label in _VERDICTS.items()]
    return [Choice(option, option) for option in review.question.options]


def choices_for(values: Iterable[str]) -> list[Choice]:
    """The answers that several reviews offer, each once; the verdicts are always among them."""
    return [
        Choice(each, _VERDICTS.get(each, each)) for each in dict.fromkeys((*_VERDICTS, *values))
    ]


def _words_button(review: Review) -> str | None:
    """What the button says that sends the words alone; None where words do not answer."""
    if review.kind not in _TAKES_WORDS:
        return None
    return "Say it in words" if review.question.options else "Send"


def _may_edit(review: Review, output: Output) -> bool:
    """Whether a text of one's own may be approved here; a long one is not for a page."""
    alone = review.terms is None or review.terms.decisions == 1
    return review.kind in _EDITABLE and alone and len(output.raw) <= LONGEST_OUTPUT


def _fits_a_form(text: str, most_bytes: int) -> bool:
    """Whether a form with that text is small enough to be sent, with as much of other fields."""
    sent = quote_plus(text.replace("\n", "\r\n"), errors="replace")
    return len(sent) <= most_bytes // 2


def shown_form(  # noqa: PLR0913 - all that it shows
    review: Review,
    output: Output,
    said: Said,
    reach: Reach | None,
    fault: OrchestratorError | None = None,
    *,
    most_bytes: int,
    confirm: bool = False,
) -> dict[str, Any]:
    """What the templates show of a review, of its output, and of the form that answers it.

    With ``confirm`` the form shows what an edited text changes, and asks for a last yes.
    ``most_bytes`` may be sent: a browser sends all of a form, whether the text was edited or not.
    """
    terms = review.terms
    may_edit = _may_edit(review, output) and _fits_a_form(output.raw, most_bytes)
    faults = fault.details if isinstance(fault, Invalid) else {}
    return {
        "fault": fault and fault.message,
        "typed": _shown_typed(review, output, said, faults, may_edit=may_edit),
        "confirm": _edit(output, said) if confirm and not (said.again or said.only_looks) else None,
        "review": _shown(review),
        "output": shown_output(output.raw),
        "text": output.raw if may_edit else "",
        "said": said,
        "chosen": said.choice,
        "choices": offered(review),
        "words_button": _words_button(review),
        "may_edit": may_edit,
        "careful": terms is not None and terms.careful,
        "word": _word(review),
        "decisions": 1 if terms is None else terms.decisions,
        "due": {name: moment(iso(getattr(review, name))) for name in _TIMES},
        "automatic": None if terms is None else said_automatically(terms.automatic),
        "ask_for_words": _ASKED_FOR.get(review.kind, "Words beside your answer"),
        "reach": shown_reach(reach, review, output, said.feedback, (said.scope, said.readers)),
        "what_follows": _FOLLOWS.get(review.kind, "Your words go on as they are."),
    }


def _edit(output: Output, said: Said) -> dict[str, Any]:
    stretches = difference(output.raw, said.edited_output)
    return {
        "digest": digest(said.edited_output),
        "changes": None if stretches is None else [shown_stretch(each) for each in stretches],
        "text": plain(said.edited_output, LONGEST_OUTPUT),
    }


def shown_stretch(stretch: Stretch) -> Stretch:
    """A stretch of a comparison, with less of what both texts have."""
    text = stretch.text
    if not (stretch.removed or stretch.added) and len(text) > _ALIKE:
        text = f"{text[: _ALIKE // 2]} […] {text[-_ALIKE // 2 :]}"
    return Stretch(plain(text, LONGEST_OUTPUT), stretch.removed, stretch.added)


_ALIKE = 600
"""Characters that both texts have; in the middle of more, nothing is to be seen."""

_TIMES = ("expires_at", "answer_at", "escalate_at")
_ASKED_FOR = {
    QuestionKind.JUDGE: "What should change, or what the next tasks should know",
    QuestionKind.WORDS: "Your words",
    QuestionKind.INPUT: "Your words",
}
_FOLLOWS = {
    QuestionKind.JUDGE: (
        "If you approve, your words are context of the tasks that follow. If you ask for changes, "
        "the task runs again with them, and you are asked again."
    ),
    QuestionKind.APPROVAL: (
        "If you approve, the tool is called once, with exactly these arguments. If not, it is not "
        "called, and the agent is told your words in place of its result."
    ),
    QuestionKind.EFFECT: "Nothing goes on until a person has said what became of the call.",
    QuestionKind.CHOICE: (
        "Your choice decides how it goes on. What you say in words alone is weighed by a model."
    ),
}


def _shown(review: Review) -> dict[str, Any]:
    return {
        "id": review.id,
        "task_name": plain(review.task_name, 200),
        "deployment": review.deployment,
        "round": review.round,
        "message": plain(review.question.message, 20_000),
        "note": review.note,
        "output_digest": review.output_digest,
        "execution_id": review.execution_id,
    }


def shown_earlier(review: Review) -> dict[str, Any]:
    """What was said in an earlier round."""
    by = plain(review.reviewer or review.actor or "somebody", 200)
    words = plain(review.words or "", 20_000)
    return {"id": review.id, "round": review.round, "by": by, "feedback": words}

"""The page that a mail links to: looking changes nothing, sending its form decides, once.

The token in its address is the only right that is needed, and the only one that there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from orchestrator.api.common.access import World
from orchestrator.api.common.errors import MEANINGS
from orchestrator.api.common.request_body import RawBody
from orchestrator.api.pages.rendering import HEADERS, message, page
from orchestrator.domain.output import Output
from orchestrator.domain.question import QuestionKind
from orchestrator.domain.review import Review
from orchestrator.errors import AlreadyAnswered, Invalid, NotEntitled, OutputChanged
from orchestrator.ports import Ports
from orchestrator.usecases.reviews.find import earlier_rounds, reviewed_output
from orchestrator.usecases.reviews.respond import Holder, holder_of, respond_as
from orchestrator.wire.moment import iso
from orchestrator.wire.notices import said_automatically
from orchestrator.wire.paths import ANSWER_PAGES
from orchestrator.wire.requests import RespondBody, parse
from orchestrator.wire.shown import moment, plain, rendered

answer_page = APIRouter(prefix=ANSWER_PAGES, include_in_schema=False)

Token = Annotated[str, Path(max_length=200)]
Chosen = Annotated[str, Query(max_length=1000)]

CHANNEL = "link"

LONGEST_OUTPUT = 200_000
"""Characters of an output that the page shows; there is a call for more."""

MOST_FIELDS = 10

_APPROVE, _REJECT, _SEND = "approve", "reject", "send"
_EDITABLE = (QuestionKind.JUDGE, QuestionKind.APPROVAL)
"""What may be approved in a text of one's own: an output, or the arguments of a call."""
_VERDICTS = {_APPROVE: "Approve", _REJECT: "Ask for changes"}


@dataclass(frozen=True, slots=True)
class Choice:
    """A button of the form."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Said:
    """What a person put into the form."""

    choice: str = ""
    feedback: str = ""
    edited_output: str = ""
    output_digest: str = ""
    word: str = ""


@answer_page.get("/{token}")
def show(ports: World, token: Token, choice: Chosen = "") -> Response:
    """Programs that look at links before people do may open it as often as they like."""
    holder = holder_of(ports, token)
    if holder is None:
        return _unknown()
    if not holder.review.is_open:
        return _closed(holder.review)
    if holder.recipient is not None and not holder.recipient.is_asked:
        return _not_asked(holder)
    return _form(ports, holder, Said(choice=choice))


@answer_page.post("/{token}")
def decide(ports: World, token: Token, raw: RawBody) -> Response:
    """Take the decision; where that cannot be, what was written is given back."""
    holder = holder_of(ports, token)
    if holder is None:
        return _unknown()
    said = Said()
    try:
        said = _read(raw)
        _require_word(holder.review, said)
        respond_as(ports, holder, parse(RespondBody, _body(holder.review, said)), CHANNEL)
    except AlreadyAnswered as lost:
        return message("Already decided", lost.message, HTTPStatus.CONFLICT, said.feedback)
    except NotEntitled as refused:
        status = MEANINGS[NotEntitled].status
        return message("Not yours to decide", refused.message, status, said.feedback)
    except (Invalid, OutputChanged) as wrong:
        return _form(ports, holder, said, fault=wrong.message)
    return Response(status_code=HTTPStatus.SEE_OTHER, headers={**HEADERS, "Location": token})


def _read(raw: bytes) -> Said:
    """What the form says. Raises Invalid."""
    try:
        fields = parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise Invalid("This is not what the page's form sends.") from error
    given = dict(fields)
    return Said(
        choice=given.get("choice", ""),
        feedback=_lines(given.get("feedback", "")),
        edited_output=_lines(given.get("edited_output", "")) if given.get("edit") else "",
        output_digest=given.get("output_digest", ""),
        word=given.get("word", ""),
    )


def _lines(text: str) -> str:
    """Browsers end lines as the web does."""
    return text.replace("\r\n", "\n")


def _body(review: Review, said: Said) -> dict[str, Any]:
    """What the form says, as a call would say it. Raises Invalid."""
    body: dict[str, Any] = {"feedback": said.feedback, "output_digest": said.output_digest}
    if said.choice not in {each.value for each in _choices(review)}:
        raise Invalid("Choose one of the answers.")
    if review.kind in _EDITABLE:
        if said.edited_output and said.choice == _APPROVE:
            body["edited_output"] = said.edited_output
        return {**body, "is_approve": said.choice == _APPROVE}
    return body if said.choice == _SEND else {**body, "outcome": said.choice}


def _require_word(review: Review, said: Said) -> None:
    """Raises Invalid where a careful review lacks what was to be typed."""
    if review.terms is None or not review.terms.careful:
        return
    word = _word(review)
    if said.word.strip().casefold() != word.casefold():
        raise Invalid(f"Type '{word}' to confirm. Nothing was decided.")


def _word(review: Review) -> str:
    """What a person types who is sure: the name of what they decide on."""
    return " ".join(review.task_name.split())


def _choices(review: Review) -> list[Choice]:
    if review.kind is QuestionKind.JUDGE:
        return [Choice(value, label) for value, label in _VERDICTS.items()]
    options = [Choice(option, option) for option in review.question.options]
    takes_words = review.kind in (QuestionKind.CHOICE, QuestionKind.WORDS, QuestionKind.INPUT)
    label = "Say it in words" if options else "Send"
    return [*options, Choice(_SEND, label)] if takes_words else options


def _form(ports: Ports, holder: Holder, said: Said, fault: str | None = None) -> Response:
    review, terms = holder.review, holder.review.terms
    output = reviewed_output(ports, review)
    due = {name: moment(iso(getattr(review, name))) for name in _TIMES}
    return page(
        "answer.html",
        HTTPStatus.OK if fault is None else HTTPStatus.UNPROCESSABLE_ENTITY,
        fault=fault,
        review=_shown(review),
        output=_rendered(output),
        text=output.raw,
        earlier=[_earlier(each) for each in earlier_rounds(ports, review)],
        said=said,
        chosen=said.choice,
        choices=_choices(review),
        may_edit=review.kind in _EDITABLE and (terms is None or terms.decisions == 1),
        careful=terms is not None and terms.careful,
        word=_word(review),
        decisions=1 if terms is None else terms.decisions,
        due=due,
        automatic=None if terms is None else said_automatically(terms.automatic),
        reason=holder.recipient.reason if holder.recipient else None,
        ask_for_words=_ASKED_FOR.get(review.kind, "Words beside your answer"),
        what_follows=_FOLLOWS.get(review.kind, "Your words go on as they are."),
    )


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
        "task_name": plain(review.task_name, 200),
        "deployment": review.deployment,
        "round": review.round,
        "message": plain(review.question.message, 20_000),
        "note": review.note,
        "output_digest": review.output_digest,
        "execution_id": review.execution_id,
    }


def _rendered(output: Output) -> Any:
    return rendered(plain(output.raw, LONGEST_OUTPUT))


def _earlier(review: Review) -> Mapping[str, Any]:
    by = plain(review.reviewer or review.actor or "somebody", 200)
    return {"round": review.round, "by": by, "feedback": plain(review.words or "", 20_000)}


def _unknown() -> Response:
    text = "This link leads to nothing: it is not whole, or its execution is gone."
    return message("Not found", text, HTTPStatus.NOT_FOUND)


def _closed(review: Review) -> Response:
    return message("Decided", f"{review.summary()}. Nothing more is asked of you.")


def _not_asked(holder: Holder) -> Response:
    recipient = holder.recipient
    if recipient is not None and recipient.decided_at is not None:
        return message("Thank you", "Your decision is taken. Others still have to decide.")
    to = recipient.delegated_to if recipient else None
    text = f"You handed this on to {to}." if to else "Others are asked instead of you."
    return message("Not yours to decide", text)

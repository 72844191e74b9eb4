"""What a mail is about: the body of its delivery, read and made fit to be shown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from orchestrator.domain.canonical import decode
from orchestrator.domain.question import QuestionKind
from orchestrator.errors import Invalid
from orchestrator.wire.shown import moment, one_line, plain

FORMAT = 1

LONGEST_OUTPUT = 8_000
"""Characters of an output that stand in a mail; the page behind its link has the rest."""

LONGEST_WORDS = 2_000
LONGEST_LINE = 200
MOST_EARLIER = 10
MOST_OPTIONS = 20

_TOKEN = re.compile(r"[a-z2-7]{32}")
_VERDICTS = {"approve": "Approve", "reject": "Ask for changes"}


@dataclass(frozen=True, slots=True)
class AnswerLink:
    """One of the answers that are offered: what it says, and what its link adds to the page's."""

    label: str
    query: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was said in a round before."""

    round: int
    by: str
    feedback: str


@dataclass(frozen=True, slots=True)
class Notice:
    """One mail's content. Lines are lines, texts are bounded; times are sentences, or None.

    ``notice`` is why it comes: ``request``, ``reminder``, ``escalation``, ``delegated`` or
    ``closed``. ``token`` is None where nothing can be answered. ``takes_replies`` is False where a
    reply would come too late.
    """

    notice: str
    token: str | None
    execution_id: str
    deployment: str
    task_name: str
    round: int
    kind: str
    message: str
    choices: tuple[AnswerLink, ...]
    default_outcome: str | None
    output: str
    output_is_cut: bool
    careful: bool
    reason: str
    decisions: int
    expires_at: str | None
    answer_at: str | None
    automatic: str | None
    escalate_at: str | None
    earlier: tuple[Earlier, ...]
    takes_replies: bool = True


def read_notice(body: bytes) -> Notice:
    """Read a delivery's body. Raises Invalid where no mail can be made of it."""
    try:
        return _read(_objects(decode(body)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Invalid("This is nothing that a mail can be made of.") from error


def _read(said: Mapping[str, Any]) -> Notice:
    if said["v"] != FORMAT:
        raise Invalid(f"A mail of format {FORMAT} can be made; this is one of another version.")
    token, due, output = (
        said.get("token"),
        _objects(said.get("due") or {}),
        said.get("output") or "",
    )
    if token is not None and not _TOKEN.fullmatch(token):
        raise Invalid("The token is none.")
    shown = plain(output, LONGEST_OUTPUT)
    return Notice(
        notice=one_line(said["notice"], LONGEST_LINE),
        token=token,
        execution_id=one_line(said["execution_id"], LONGEST_LINE),
        deployment=one_line(said["deployment"], LONGEST_LINE),
        task_name=one_line(said["task_name"], LONGEST_LINE),
        round=int(said["round"]),
        kind=one_line(said["kind"], LONGEST_LINE),
        message=plain(said.get("message") or "", LONGEST_WORDS),
        choices=_choices(said["kind"], said.get("options") or ()),
        default_outcome=_line(said.get("default_outcome")),
        output=shown,
        output_is_cut=bool(said.get("output_is_cut")) or len(output) > LONGEST_OUTPUT,
        careful=bool(said.get("careful")),
        reason=one_line(said.get("reason") or "", LONGEST_LINE),
        decisions=int(said.get("decisions") or 1),
        expires_at=moment(due.get("expires_at")),
        answer_at=moment(due.get("answer_at")),
        automatic=_line(due.get("automatic")),
        escalate_at=moment(due.get("escalate_at")),
        earlier=tuple(map(_earlier, (said.get("earlier") or ())[-MOST_EARLIER:])),
        takes_replies=bool(said.get("takes_replies", True)),
    )


def _objects(given: Any) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise TypeError
    return given


def _line(given: object) -> str | None:
    return None if given is None else one_line(str(given), LONGEST_LINE)


def _choices(kind: str, options: Sequence[str]) -> tuple[AnswerLink, ...]:
    if kind == QuestionKind.JUDGE:
        return tuple(
            AnswerLink(label, f"?choice={verdict}") for verdict, label in _VERDICTS.items()
        )
    return tuple(
        AnswerLink(
            one_line(option, LONGEST_LINE), f"?choice={quote(option, safe='', errors='replace')}"
        )
        for option in map(str, options[:MOST_OPTIONS])
        if len(option) <= LONGEST_LINE
    )


def _earlier(said: Mapping[str, Any]) -> Earlier:
    return Earlier(
        int(said["round"]),
        one_line(said.get("by") or "somebody", LONGEST_LINE),
        plain(said.get("feedback") or "", LONGEST_WORDS),
    )

"""Ask people to decide in a review: each gets a mail with a token of their own."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import structlog

from orchestrator.domain.canonical import Json
from orchestrator.domain.output import Output
from orchestrator.domain.recipient import Recipient, RecipientState
from orchestrator.domain.review import Review
from orchestrator.domain.review_terms import AskedPerson, Terms
from orchestrator.domain.routing import present
from orchestrator.domain.token import hash_of, mail_token
from orchestrator.usecases.deployment_settings import settings_of
from orchestrator.usecases.executions.locked_execution import LockedExecution
from orchestrator.usecases.reviews.notices import mail, output_of
from orchestrator.wire.notices import Notice
from orchestrator.wire.webhooks import AskedReview

log = structlog.get_logger()


def ask(
    locked: LockedExecution,
    review: Review,
    output: Output,
    asked: Collection[AskedPerson],
    notice: Notice = Notice.REQUEST,
) -> list[Recipient]:
    """Write who is asked, and send each a notice. Where it is too few, that is written down."""
    tokens: dict[Recipient, str] = {}
    for each in asked:
        token = mail_token(locked.ports.chance.secret())
        tokens[_recipient(locked, review, each, token)] = token
    locked.tx.recipients.add(tokens)
    for recipient in tokens:
        to, reason = recipient.address, recipient.reason
        locked.record("recipient.ask", recipient.id, review, to=to, reason=reason)
    mail(locked, AskedReview(review, output), tokens, notice)
    if review.terms is not None and len(tokens) < review.terms.decisions:
        _note_who_is_missing(locked, review, review.terms)
    return list(tokens)


def _note_who_is_missing(locked: LockedExecution, review: Review, terms: Terms) -> None:
    """Nobody may be asked, or fewer than have to agree: then an operator is needed."""
    able = (RecipientState.ASKED, RecipientState.VOTED)
    asked = sum(each.state in able for each in locked.tx.recipients.of([review.id]))
    if asked < terms.decisions:
        found: dict[str, Json] = {"rule": terms.rule, "asked": asked, "needed": terms.decisions}
        locked.record("review.too_few", review.id, review, **found)
        log.warning("too few are asked", review_id=review.id, **found)


def _recipient(
    locked: LockedExecution, review: Review, asked: AskedPerson, token: str
) -> Recipient:
    return Recipient(
        id=locked.ports.ids.new(),
        review_id=review.id,
        execution_id=review.execution_id,
        deployment=review.deployment,
        address=asked.address,
        state=RecipientState.ASKED,
        version=1,
        rung=review.rung,
        reason=asked.reason,
        created_at=locked.now,
        token_hash=hash_of(token),
        by_group=asked.group,
    )


def ask_more(
    locked: LockedExecution, review: Review, asked: Sequence[AskedPerson]
) -> list[Recipient]:
    """Ask those of them who are here, and have not been asked; who was relieved is asked anew."""
    if review.terms is None or not asked:
        return []
    recipients = locked.tx.recipients.of([review.id])
    before = {e.address for e in recipients if e.state is not RecipientState.RELIEVED}
    absences = locked.tx.absences.at(locked.now)
    found = present(asked, absences, {*review.terms.excluded, *before})
    if not found:
        return []
    return ask(locked, review, output_of(locked, review), found, Notice.ESCALATION)


def creator_of(locked: LockedExecution) -> list[AskedPerson]:
    """Who is asked where nobody else is; empty where the deployment names none."""
    deployment = locked.execution.deployment
    creator = settings_of(locked.ports, locked.tx, deployment).review_policy.creator
    return [] if creator is None else [AskedPerson(creator, "creator")]

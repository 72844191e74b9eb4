"""Tell people and webhooks of a review: that it waits, still waits, or waits for others as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.output import Output
from orchestrator.domain.recipient import Recipient
from orchestrator.domain.review import Review
from orchestrator.domain.transport import mail_url
from orchestrator.domain.webhooks import WebhookKind
from orchestrator.usecases.deployment_settings import settings_of
from orchestrator.usecases.executions.locked_execution import LockedExecution
from orchestrator.wire.notices import Notice, mail_body
from orchestrator.wire.webhooks import AskedReview, human_input_body, later_notice_body


def mail(
    locked: LockedExecution,
    asked: AskedReview,
    tokens: Mapping[Recipient, str | None],
    notice: Notice,
) -> None:
    """Have a mail sent to each of those who are asked, with their token, if mail is sent at all."""
    if locked.ports.mail is None or not tokens:
        return
    review = asked.review
    reviews = locked.reviews if review.round > 1 else ()
    earlier = [each for each in reviews if each.words and each.came_before(review)]
    for recipient, token in tokens.items():
        _write(locked, review, recipient, mail_body(asked, recipient, token, notice, earlier))


def mail_again(locked: LockedExecution, review: Review, recipients: Sequence[Recipient]) -> None:
    """Remind each of these by mail, with the token that they have."""
    if locked.ports.mail is None or not recipients:
        return
    tokens = {each: locked.tx.recipients.token(each.id) for each in recipients}
    mail(locked, AskedReview(review, output_of(locked, review)), tokens, Notice.REMINDER)


def explain(
    locked: LockedExecution, review: Review, recipient: Recipient, notice: Notice, reason: str
) -> None:
    """Have a mail say to one of those who were asked why a reply decided nothing.

    It has no token: that of the first mail is as good as it was.
    """
    asked = AskedReview(review, output_of(locked, review))
    body = {**mail_body(asked, recipient, None, notice, ()), "reason": reason}
    _write(locked, review, recipient, body)


def output_of(locked: LockedExecution, review: Review) -> Output:
    """The output that a review is about."""
    return locked.tx.outputs.one(review.output_id)


def _write(locked: LockedExecution, review: Review, recipient: Recipient, body: JsonObject) -> None:
    deployment, url = recipient.deployment, mail_url(recipient.address)
    endpoint = locked.tx.endpoints.ensure(deployment, url, None, locked.now)
    body = {**body, "takes_replies": recipient.may_reply(locked.now, review.expires_at)}
    locked.announce_to(endpoint, WebhookKind.HUMAN_INPUT, body)


def tell_webhooks(
    locked: LockedExecution,
    review: Review,
    output: Output,
    token: str,
    recipients: Sequence[Recipient],
) -> None:
    """Tell the human-input webhook, and the one of the deployment, that a review was opened."""
    flow = locked.plan.tasks[0].name if locked.plan.is_flow else None
    addresses = tuple(each.address for each in recipients)
    asked = AskedReview(review, output, flow, addresses)
    _announce(locked, human_input_body(asked, locked.ports.public_url, token))


def tell_webhooks_again(
    locked: LockedExecution, review: Review, notice: Notice, recipients: Sequence[Recipient]
) -> None:
    """Tell them of a reminder, or that others are asked as well: one webhook for each of these.

    Whoever kicked off may read them: where it has to be known who decides they have no token.
    """
    if not recipients:
        return
    is_secret = review.terms is not None and review.terms.needs_names
    asked = AskedReview(review, output_of(locked, review))
    for recipient in recipients:
        token = None if is_secret else locked.tx.recipients.token(recipient.id)
        body = later_notice_body(asked, notice.value, recipient, locked.ports.public_url, token)
        _announce(locked, body)


def _announce(locked: LockedExecution, body: JsonObject) -> None:
    deployment = settings_of(locked.ports, locked.tx, locked.execution.deployment)
    locked.announce(WebhookKind.HUMAN_INPUT, body, also=deployment.review_webhook)

"""What ``orchestrator doctor`` checks of mails: whether they can be sent, and fetched."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.adapters.deployment_file import load_deployments
from orchestrator.errors import InvalidSettings, OrchestratorError
from orchestrator.settings import Settings
from orchestrator.usecases.operations.finding import Finding
from orchestrator.wiring import make_mail_sender


def mail_findings(settings: Settings) -> Iterator[Finding]:
    """Knock at the mail server and the mailbox that are set, or say who is asked by nobody."""
    yield from _sent(settings)
    if settings.mail_imap_host is not None:
        yield _fetched(settings)


def _sent(settings: Settings) -> Iterator[Finding]:
    sender = make_mail_sender(settings)
    if sender is None or settings.relay is None:
        yield from _unwritten(settings)
        return
    result = sender.check()
    mend = "Start it, or correct ORCHESTRATOR_SMTP_URL; then try: orchestrator mail test ADDRESS"
    says = "takes mails from us" if result.succeeded else result.summary
    yield Finding("mail", f"{settings.relay.shown}: {says}", None if result.succeeded else mend)
    if settings.public_url is None:
        mend = "Set ORCHESTRATOR_PUBLIC_URL for every process"
        yield Finding("mail", "mails have no links: no public URL is set", mend)
    folder = settings.mail_templates
    if folder is not None and not folder.is_dir():
        says = f"templates are the built-in ones: there is no folder {folder}"
        yield Finding("mail", says, "Correct ORCHESTRATOR_MAIL_TEMPLATES where mails are sent")


def _fetched(settings: Settings) -> Finding:
    mend = "Start its server, or correct ORCHESTRATOR_MAIL_IMAP_HOST, _USER and _PASSWORD"
    try:
        from orchestrator.cli.mail_processes import check_mailbox

        name, why = check_mailbox(settings)
    except InvalidSettings as error:
        return Finding("mailbox", error.message, "Correct it where `orchestrator mail fetch` runs")
    return Finding("mailbox", f"{name}: {why or 'can be read from here'}", mend if why else None)


def _unwritten(settings: Settings) -> Iterator[Finding]:
    try:
        declared = load_deployments(settings.deployments)
    except OrchestratorError:
        return  # that is another check's finding
    asking = [name for name in declared.names() if not declared.get(name).review_policy.asks_nobody]
    if asking:
        says = f"the review policy of {', '.join(asking)} asks people, and no mail is sent"
        mend = "Set ORCHESTRATOR_SMTP_URL and ORCHESTRATOR_MAIL_FROM for every process"
        yield Finding("mail", says, mend)

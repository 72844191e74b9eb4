"""``orchestrator mail``: whether mails go out and arrive, and how replies come in."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.application import (
    MOST_PORTS,
    Data,
    DeploymentFile,
    absolute,
    settings_with,
)
from orchestrator.cli.connection import on_service
from orchestrator.cli.executions import OfDeployment
from orchestrator.cli.printing import AsJson, print_json, print_records
from orchestrator.domain.inbound_mail import MailState
from orchestrator.errors import InvalidSettings

if TYPE_CHECKING:
    from orchestrator.client import Client
    from orchestrator.settings import Settings

application = typer.Typer(
    help="Mails: whether they go out and arrive, and replies to them.", no_args_is_help=True
)

State = Annotated[MailState | None, typer.Option(help="Only those that came to this.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many to show at most.")]
Sender = Annotated[str | None, typer.Option(help="Only those of this address.")]

OFF = "No mail is sent: set ORCHESTRATOR_SMTP_URL and ORCHESTRATOR_MAIL_FROM."

SINK_PORT = 1025
FOLDER = "mail"
"""Below the data folder: the mails that the sink took."""


@application.command("test")
def send_one(
    address: Annotated[str, typer.Argument(help="Whom to write to.")], *, as_json: AsJson = False
) -> None:
    """Send one mail with the settings, and say what the mail server said.

    Exit status 1 when it did not take it.
    """
    import time
    import uuid

    from orchestrator.domain.canonical import encode
    from orchestrator.domain.transport import mail_url
    from orchestrator.wiring import make_mail_sender

    sender = make_mail_sender(settings_with())
    if sender is None:
        raise InvalidSettings(OFF)
    headers = {"webhook-id": str(uuid.uuid4()), "webhook-timestamp": str(int(time.time()))}
    result = sender.send(mail_url(address.strip()), encode({"type": "ping"}), headers)
    if as_json:
        said = {"status": result.status, "error": result.error, "response": result.response}
        print_json({"taken": result.succeeded, **said})
    elif result.succeeded:
        typer.echo(f"The mail server took it: {result.status} {result.response}")
    else:
        typer.echo(f"It was not sent: {result.summary}", err=True)
    raise typer.Exit(int(not result.succeeded))


@application.command()
def check(
    selector: Annotated[
        str | None, typer.Option(help="Name of the DKIM key that the mail server signs with.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say what DNS lacks for mails to arrive, and what to write there.

    Looks at the domain of ORCHESTRATOR_MAIL_FROM and that of replies. Exit status 1 when something
    is missing.
    """
    from dataclasses import asdict

    from orchestrator.cli.doctor import show
    from orchestrator.usecases.operations.mail_domains import examine_domains
    from orchestrator.wiring import sender_domain

    _require("dns", "`orchestrator mail check`")
    from orchestrator.adapters.dns_records import DnsRecords

    settings = _mailing()
    domains = (sender_domain(settings), settings.mail_reply_domain)
    found = list(examine_domains(DnsRecords(), *domains, selector))
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        show(found)
    raise typer.Exit(int(any(finding.is_wrong for finding in found)))


@application.command()
def sink(
    port: Annotated[int, typer.Option(min=1, max=MOST_PORTS, help="Port on loopback.")] = SINK_PORT,
    data: Data = None,
    deployments: DeploymentFile = None,
) -> None:
    """Take every mail that is sent to this machine's port: show it, keep it, deliver nothing.

    For trying out; `orchestrator up --mail-sink` has one. Mails are kept below the data folder.
    Replies to one of them, sent to the same port, answer its review.
    """
    require_sink("`orchestrator mail sink`")
    from orchestrator.adapters.mail_sink import MailSink
    from orchestrator.cli.mail_processes import keeping
    from orchestrator.settings import make_data_folder
    from orchestrator.wiring import make_ports

    settings = settings_with(data=absolute(data), deployments=deployments)
    make_data_folder(settings.data)
    domain = settings.mail_reply_domain
    keep = keeping(make_ports(settings)) if domain else None
    MailSink(port, settings.data / FOLDER, _show, domain or "", keep).run()


@application.command()
@on_service
def inbound(
    service: Client,
    *,
    state: State = None,
    deployment: OfDeployment = None,
    sender: Sender = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List the newest mails that came in.

    With the reasons of those that decided nothing.
    """
    wanted = {"deployment": deployment, "state": state.value if state else None, "sender": sender}
    found = service.listed("/v1/mails", limit, **wanted)
    columns = ("mail_id", "sender", "state", "deployment", "review_id", "received_at", "reason")
    print_records(found, columns, as_json=as_json)


@application.command()
def serve(
    lmtp: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where to take mails by LMTP.")
    ] = None,
    smtp: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where to take mails by SMTP.")
    ] = None,
    data: Data = None,
    deployments: DeploymentFile = None,
) -> None:
    """Take replies from a mail server, until SIGTERM.

    Only for reply addresses; each is stored before it is acknowledged.
    """
    from orchestrator.cli.mail_processes import serve_mail

    serve_mail(settings_with(data=data, deployments=deployments), lmtp=lmtp, smtp=smtp)


@application.command()
def fetch(
    data: Data = None,
    deployments: DeploymentFile = None,
    *,
    once: Annotated[bool, typer.Option("--once", help="End once the mailbox is read.")] = False,
) -> None:
    """Fetch replies from a mailbox by IMAP, until SIGTERM.

    A mail is marked as seen, or moved, once it is stored.
    """
    from orchestrator.cli.mail_processes import fetch_mail

    fetch_mail(settings_with(data=data, deployments=deployments), once=once)


def sink_settings(settings: Settings, port: int) -> dict[str, str]:
    """What has every mail sent to the sink on that port."""
    return {
        "smtp_url": f"smtp://127.0.0.1:{port}?tls=off",
        "mail_from": settings.mail_from or "Crew Orchestrator <crews@orchestrator.localhost>",
        "mail_reply_domain": settings.mail_reply_domain or "replies.localhost",
    }


def require_sink(what: str) -> None:
    """Raise InvalidSettings where what the sink needs is not installed."""
    _require("aiosmtpd", what)


def _require(package: str, what: str) -> None:
    if find_spec(package) is None:
        raise InvalidSettings(f"{what} needs: pip install 'crew-orchestrator[mail]'")


def _mailing() -> Settings:
    settings = settings_with()
    if settings.relay is None:
        raise InvalidSettings(OFF)
    return settings


def _show(mail: str) -> None:
    print(mail, flush=True)  # noqa: T201 - a command

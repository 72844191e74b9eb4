"""The one place where adapters meet ports."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial

from orchestrator.adapters.celery import (
    BROKER_PATIENCE,
    CeleryJobs,
    make_celery,
    write_something,
)
from orchestrator.adapters.circuit_breaker import CircuitBreaker
from orchestrator.adapters.deployment_file import RunnerKind, load_deployments
from orchestrator.adapters.http.guard import Guard
from orchestrator.adapters.http.sender import GuardedSender, Limits
from orchestrator.adapters.http.signing import StandardSigner
from orchestrator.adapters.runners.crewai import CrewaiRunner
from orchestrator.adapters.runners.functions import FunctionsRunner
from orchestrator.adapters.sender_by_transport import SenderByTransport
from orchestrator.adapters.smtp.message import Letterhead, load_templates, sender_address
from orchestrator.adapters.smtp.sender import Limits as MailLimits
from orchestrator.adapters.smtp.sender import MailSender
from orchestrator.adapters.sql import Cipher, ConnectionLimits, make_store
from orchestrator.adapters.system import (
    SystemChance,
    SystemClock,
    Uuid7Ids,
    crash_point_from,
)
from orchestrator.adapters.telemetry import tracing
from orchestrator.domain.delivery_policy import SendLimits
from orchestrator.domain.transport import Transport
from orchestrator.errors import Invalid, InvalidSettings
from orchestrator.jobs import Job
from orchestrator.ports import (
    MailIdentity,
    Ports,
    Replies,
    Runner,
    Sender,
    SenderCheck,
    SenderProver,
    SignOn,
    Store,
)
from orchestrator.settings import Settings, make_data_folder, require_writable


def make_ports(settings: Settings, publish: Callable[[Job], None] | None = None) -> Ports:
    """Build the world from the settings. Nothing connects before it is first used.

    ``publish`` sends jobs; without it they go to the broker of the settings. Raises InvalidSettings
    and, for the deployment file, errors that say what to write.
    """
    make_data_folder(settings.data)
    if settings.keeps_data_here:
        require_writable(settings.data)
    crash_point = crash_point_from(os.environ)
    celery = make_celery(settings.resolved_broker_url, patience=BROKER_PATIENCE)
    broker = CircuitBreaker(
        publish or CeleryJobs(celery, settings.time_limit_grace).publish,
        look=partial(write_something, celery),
    )
    return Ports(
        store=make_store(
            settings.resolved_database_url,
            publish=broker.publish,
            cipher=Cipher(",".join(settings.secret_keys), encrypt_outputs=settings.encrypt_outputs),
            crash_point=crash_point,
            limits=connection_limits(settings),
        ),
        deployments=load_deployments(settings.deployments),
        clock=SystemClock(),
        ids=Uuid7Ids(),
        chance=SystemChance(),
        sender=_make_sender(settings),
        signer=_make_signer(settings),
        runners=make_runners(settings),
        crash_point=crash_point,
        public_url=settings.public_url,
        max_request_bytes=settings.max_request_bytes,
        trace=tracing().here,
        broker_answers=broker.is_closed,
        send_limits=SendLimits(
            one_try=timedelta(seconds=settings.webhook_timeout),
            per_endpoint=settings.webhooks_per_endpoint,
            per_host=settings.webhooks_per_host,
        ),
        mail=_mail_identity(settings),
        sign_on=_make_sign_on(settings),
        replies=_make_replies(settings),
        keep_finished=timedelta(days=settings.keep_finished) if settings.keep_finished else None,
    )


def _make_signer(settings: Settings) -> StandardSigner:
    try:
        return StandardSigner(settings.webhook_secrets)
    except Invalid as wrong:
        raise InvalidSettings(f"ORCHESTRATOR_WEBHOOK_SECRET: {wrong.message}") from None


def _make_sign_on(settings: Settings) -> SignOn | None:
    if settings.oidc_issuer is None:
        return None
    if settings.oidc_client_id is None or settings.public_url is None:
        raise InvalidSettings(
            "ORCHESTRATOR_OIDC_ISSUER needs ORCHESTRATOR_OIDC_CLIENT_ID and ORCHESTRATOR_PUBLIC_URL"
        )
    try:
        connect = importlib.import_module(NEEDS_OIDC)
    except ModuleNotFoundError as missing:
        raise InvalidSettings(
            "ORCHESTRATOR_OIDC_ISSUER needs what the extra 'oidc' installs "
            f"(crew-orchestrator[oidc]): {missing.name} is missing"
        ) from missing
    secret = settings.oidc_client_secret
    made: SignOn = connect.OpenIdConnect(
        connect.Client(
            issuer=str(settings.oidc_issuer).rstrip("/"),
            id=settings.oidc_client_id,
            secret=secret.get_secret_value() if secret else None,
            trusts_addresses=settings.oidc_trusts_addresses,
        ),
        settings.oidc_name,
    )
    return made


def make_plain_store(settings: Settings) -> Store:
    """The store for whoever reads only what is not encrypted: it needs no key, and makes none."""
    return make_store(
        settings.resolved_database_url,
        publish=lambda _: None,
        cipher=Cipher("none"),
        limits=connection_limits(settings),
    )


def connection_limits(settings: Settings) -> ConnectionLimits:
    """How long PostgreSQL is waited for."""
    return ConnectionLimits(
        connect=settings.database_connect_timeout,
        statement=settings.database_statement_timeout,
        lock=settings.database_lock_timeout,
        pool=settings.database_pool_timeout,
    )


NEEDS_MAIL = "orchestrator.adapters.inbound_mail.sender_proof"
NEEDS_OIDC = "orchestrator.adapters.openid_connect"


def _make_replies(settings: Settings) -> Replies:
    """How replies by mail are taken; libraries of the extra are needed only where they are."""
    check = SenderCheck(settings.mail_sender_check)
    key = settings.mail_mailgun_key
    return Replies(
        check=check,
        prover=None if check is SenderCheck.OFF else _make_prover(settings),
        mailgun_key=key.get_secret_value() if key else None,
        ses_topic=settings.mail_ses_topic,
        domain=settings.mail_reply_domain,
        fetcher=_make_http_sender(settings) if settings.mail_ses_topic else None,
    )


def _make_prover(settings: Settings) -> SenderProver | None:
    if settings.mail_reply_domain is None:
        return None
    try:
        made: SenderProver = importlib.import_module(NEEDS_MAIL).MailProver(
            settings.mail_authserv_id
        )
    except ModuleNotFoundError as missing:
        raise InvalidSettings(
            "ORCHESTRATOR_MAIL_REPLY_DOMAIN needs what the extra 'mail' installs "
            f"(crew-orchestrator[mail]), or ORCHESTRATOR_MAIL_SENDER_CHECK=off: {missing.name} "
            "is missing"
        ) from missing
    return made


def make_runners(settings: Settings) -> Mapping[str, Runner]:
    """What runs the deployments, by the name under which they say so."""
    return {
        RunnerKind.CREWAI: CrewaiRunner(settings.data / "crewai"),
        RunnerKind.FLOW: CrewaiRunner(settings.data / "crewai", flows=True),
        RunnerKind.FUNCTIONS: FunctionsRunner(),
    }


def _make_sender(settings: Settings) -> SenderByTransport:
    senders: dict[Transport, Sender] = {Transport.HTTP: _make_http_sender(settings)}
    mails = make_mail_sender(settings)
    if mails is not None:
        senders[Transport.MAIL] = mails
    return SenderByTransport(senders)


def make_mail_sender(settings: Settings) -> MailSender | None:
    """What sends mails; None where there is no mail server."""
    identity = _mail_identity(settings)
    if settings.relay is None or identity is None:
        return None
    templates = load_templates(settings.mail_templates)
    letterhead = Letterhead(identity, settings.public_url, templates)
    limits = MailLimits(total=settings.webhook_timeout)
    return MailSender(settings.relay, letterhead, limits)


def _mail_identity(settings: Settings) -> MailIdentity | None:
    if settings.relay is None or settings.mail_from is None:
        return None
    return MailIdentity(settings.mail_from, settings.mail_reply_domain)


def sender_domain(settings: Settings) -> str:
    """The domain in whose name mails are sent; empty where none are."""
    return sender_address(settings.mail_from or "").rpartition("@")[2]


def _make_http_sender(settings: Settings) -> GuardedSender:
    guard = Guard(
        allow_networks=settings.webhook_allow_networks,
        https_only=settings.webhook_https_only,
        ports=frozenset(settings.webhook_ports),
    )
    return GuardedSender(guard, Limits(total=settings.webhook_timeout))

"""What takes mails in: a server of LMTP or SMTP, and a client of IMAP."""

from __future__ import annotations

import asyncio
import signal
import ssl
import threading
from collections.abc import Sequence

import structlog

from orchestrator.adapters.logs import configure_logging
from orchestrator.cli.application import MOST_PORTS
from orchestrator.errors import AddressInUse, InvalidSettings, Transient
from orchestrator.ports import Ports
from orchestrator.settings import Settings
from orchestrator.usecases.intake.take_mail import Envelope, store_mail
from orchestrator.wiring import make_ports

try:
    from orchestrator.adapters.inbound_mail.mailbox import Account, Mailbox, Tell
    from orchestrator.adapters.inbound_mail.servers import Keep, Listening, listen
except ModuleNotFoundError as missing:
    raise InvalidSettings(
        f"This needs what the extra 'mail' installs (crew-orchestrator[mail]): {missing.name}"
    ) from missing

log = structlog.get_logger()


def serve_mail(settings: Settings, *, lmtp: str | None, smtp: str | None) -> None:
    """Take replies until SIGTERM. Raises InvalidSettings and AddressInUse."""
    configure_logging(settings)
    domain = _reply_domain(settings)
    if lmtp is None and smtp is None:
        raise InvalidSettings("Say where to listen: --lmtp HOST:PORT, --smtp HOST:PORT, or both")
    tls = _tls(settings)
    places = [_listening(each, is_lmtp=True, tls=tls) for each in (lmtp,) if each]
    places += [_listening(each, is_lmtp=False, tls=tls) for each in (smtp,) if each]
    ports = make_ports(settings)
    try:
        asyncio.run(_serve(places, domain, keeping(ports)))
    finally:
        ports.store.dispose()


def keeping(ports: Ports) -> Keep:
    """What stores a mail with its envelope."""

    def keep(raw: bytes, sender: str, recipients: tuple[str, ...]) -> None:
        store_mail(ports, raw, Envelope(sender, recipients))

    return keep


def noting(ports: Ports, mailbox: str) -> Tell:
    """What notes that a mailbox was looked at, for metrics and doctor, which run elsewhere."""

    def tell(error: str | None) -> None:
        try:
            ports.store.transact(lambda tx: tx.mails.looked_at(mailbox, error), durable=False)
        except Transient:
            log.warning("look at the mailbox not noted", mailbox=mailbox)

    return tell


def fetch_mail(settings: Settings, *, once: bool) -> None:
    """Fetch replies until SIGTERM, or once. Raises InvalidSettings."""
    configure_logging(settings)
    _reply_domain(settings)
    account = _account(settings)
    ports = make_ports(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    mailbox = Mailbox(account, lambda raw: store_mail(ports, raw), noting(ports, account.name))
    try:
        if once:
            mailbox.fetch()
        else:
            mailbox.watch(stop)
    finally:
        ports.store.dispose()


def check_mailbox(settings: Settings) -> tuple[str, str | None]:
    """The mailbox's name, and what keeps it from being read from here. Raises InvalidSettings."""
    account = _account(settings)
    return account.name, Mailbox(account, lambda _: None).check()


async def _serve(places: Sequence[Listening], domain: str, keep: Keep) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    servers = []
    for place in places:
        option = "--lmtp" if place.is_lmtp else "--smtp"
        try:
            servers.append(await listen(place, domain, keep))
        except OSError as error:
            why = error.strerror or str(error)
            raise AddressInUse(place.host, place.port, why, option) from error
        log.info("mail server listens", host=place.host, port=place.port, lmtp=place.is_lmtp)
    await stop.wait()
    for server in servers:
        server.close()


def _reply_domain(settings: Settings) -> str:
    if settings.mail_reply_domain is None:
        raise InvalidSettings("Set ORCHESTRATOR_MAIL_REPLY_DOMAIN: replies are not taken without")
    return settings.mail_reply_domain


def _listening(address: str, *, is_lmtp: bool, tls: ssl.SSLContext | None) -> Listening:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) <= MOST_PORTS:
        raise InvalidSettings(f"{address!r} is no HOST:PORT")
    return Listening(host.strip("[]"), int(port), is_lmtp, tls)


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.mail_tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.mail_tls_certificate, settings.mail_tls_key)
    except (OSError, ssl.SSLError) as error:
        raise InvalidSettings(f"ORCHESTRATOR_MAIL_TLS_CERTIFICATE: {error}") from error
    return context


def _account(settings: Settings) -> Account:
    host, user, password = (
        settings.mail_imap_host,
        settings.mail_imap_user,
        settings.mail_imap_password,
    )
    if host is None or user is None or password is None:
        raise InvalidSettings("Set ORCHESTRATOR_MAIL_IMAP_HOST, _USER and _PASSWORD")
    return Account(
        host=host,
        port=settings.mail_imap_port,
        user=user,
        password=password.get_secret_value(),
        folder=settings.mail_imap_folder,
        done=settings.mail_imap_done,
        tls=settings.mail_imap_tls,
    )

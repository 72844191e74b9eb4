"""Sign in by a link in a mail: ask for it, have it sent, and use it once."""

from __future__ import annotations

import structlog

from orchestrator import jobs
from orchestrator.domain.canonical import JsonObject, encode
from orchestrator.domain.permission import Permission
from orchestrator.domain.session import LINK_LIVES, SignInLink
from orchestrator.domain.token import hash_of
from orchestrator.domain.transport import mail_url
from orchestrator.errors import NotFound, Transient, Unauthorized
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.access.sessions import begin, rights_of
from orchestrator.wire.paths import sign_in_path

log = structlog.get_logger()

MOST_LIVE = 5
"""Links that one address may have asked for at a time; more are not sent."""

MOST_LIVE_OF_ALL = 1_000
"""Of all addresses: whoever asks in other people's names fills no table."""


def can_send_links(ports: Ports) -> bool:
    """Whether mails are sent, and where their links would lead is known."""
    return ports.mail is not None and ports.public_url is not None


def ask_for_link(ports: Ports, address: str, leads_to: str) -> None:
    """Have a link sent to the address, if its person may sign in: a worker finds that out.

    What comes back, and when, is the same for every address. Raises Transient where too many ask.
    """
    link_id = ports.ids.new()

    def add(tx: Transaction) -> None:
        now = tx.now()
        tx.sign_in_links.forget(now)
        if tx.sign_in_links.live(now) >= MOST_LIVE_OF_ALL:
            raise Transient("Too many ask for a link just now. Try again in a few minutes.")
        if tx.sign_in_links.live(now, address) >= MOST_LIVE:
            return
        tx.sign_in_links.add(SignInLink.ask(link_id, address, leads_to, now))
        tx.publish(jobs.send_link(link_id))

    ports.store.transact(add)


def send_link(ports: Ports, link_id: str) -> None:
    """Write the mail, with a secret that is stored nowhere but in it.

    Safe to run again: a mail that was taken is not sent twice; a try that failed leaves a secret
    that is void with the next one. Raises NotFound, and Transient where the sweep has it
    tried again.
    """
    secret = ports.chance.secret()

    def write(tx: Transaction) -> SignInLink | None:
        link, now = tx.sign_in_links.get(link_id), tx.now()
        if link is None:
            raise NotFound("No link was asked for with that id, or its time is over")
        if link.sent_at is not None or not link.is_live(now):
            return None
        if not can_send_links(ports):
            raise Transient("no link is sent from here: it needs a mail server and a public URL")
        if not _may_sign_in(ports, tx, link.address):
            tx.sign_in_links.end(link_id)
            log.info("no link sent: that address may do nothing here", link_id=link_id)
            return None
        tx.sign_in_links.write(link_id, hash_of(secret), link.publish_again_at(now))
        return link

    link = ports.store.transact(write)
    if link is None:
        return
    body: JsonObject = {
        "type": "sign-in",
        "path": sign_in_path(secret),
        "minutes": int(LINK_LIVES.total_seconds() // 60),
    }
    now = ports.clock.now()
    headers = {"webhook-id": ports.ids.new(), "webhook-timestamp": str(int(now.timestamp()))}
    result = ports.sender.send(mail_url(link.address), encode(body), headers)
    if not result.succeeded:
        ports.store.transact(lambda tx: _try_again(tx, link_id))
        raise Transient(f"the link for signing in was not sent: {result.summary}")
    ports.store.transact(lambda tx: tx.sign_in_links.sent(link_id, tx.now()))


def _try_again(tx: Transaction, link_id: str) -> None:
    link = tx.sign_in_links.get(link_id)
    if link is not None:
        tx.sign_in_links.woken(link, link.try_again_at(tx.now()))


def publish_link_again(ports: Ports, link: SignInLink) -> bool:
    """Have a link sent whose job may be lost; False where somebody else just did so."""

    def publish(tx: Transaction) -> bool:
        if not tx.sign_in_links.woken(link, link.publish_again_at(tx.now())):
            return False
        tx.publish(jobs.send_link(link.id))
        return True

    return ports.store.transact(publish)


def _may_sign_in(ports: Ports, tx: Transaction, person: str) -> bool:
    """Whether they have a permission, or something waits for them."""
    if rights_of(ports, person).anywhere(Permission.VIEW):
        return True
    return bool(tx.reviews.waiting(None, None, 1, person))


def look_at_link(ports: Ports, secret: str) -> SignInLink:
    """The link with that secret, which is not used up by this. Raises Unauthorized."""

    def look(tx: Transaction) -> SignInLink:
        link = tx.sign_in_links.by_hash(hash_of(secret))
        if link is None or not link.is_live(tx.now()):
            raise Unauthorized
        return link

    return ports.store.read(look)


def use_link(ports: Ports, secret: str, instead_of: str | None = None) -> tuple[SignInLink, str]:
    """Begin a session of the person to whom it was sent; returns the session's secret too.

    The session of the secret ``instead_of``, if there is one, ends. Raises Unauthorized for a link
    that was used, or whose time is over.
    """
    session = ports.chance.secret()

    def use(tx: Transaction) -> SignInLink:
        hashed = hash_of(secret)
        link = tx.sign_in_links.by_hash(hashed)
        if link is None or not tx.sign_in_links.use(hashed, tx.now()):
            raise Unauthorized
        begin(tx, session, instead_of, person=link.address)
        return link

    link = ports.store.transact(use)
    log.info("signed in to the inbox by a link", person=link.address)
    return link, session

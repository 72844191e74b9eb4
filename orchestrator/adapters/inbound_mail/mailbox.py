"""A mailbox on an IMAP server, that replies come to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from imaplib import IMAP4

import structlog
from imap_tools import BaseMailBox, MailBox, MailBoxUnencrypted
from imap_tools.consts import MailMessageFlags
from imap_tools.errors import ImapToolsError

from orchestrator.domain.inbound_mail import LARGEST_MAIL
from orchestrator.errors import Transient

log = structlog.get_logger()

Keep = Callable[[bytes], object]
"""Keeps a mail, for good once it returns. Raises Transient while that is not possible."""

_SILENCE = 60
"""Seconds that the server may take to answer."""
_POLLS_EVERY = 30.0
"""Seconds between two looks at the mailbox: what a push would tell, a look finds as well."""
_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Account:
    """A user's folder on a server. Mails that are kept are moved to ``done``, or marked as seen."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    done: str | None = None
    tls: bool = True


class Mailbox:
    """The folder of an account, whose unseen mails are given to ``keep``."""

    def __init__(self, account: Account, keep: Keep) -> None:
        self._account = account
        self._keep = keep

    def watch(self, stop: threading.Event) -> None:
        """Look again and again, until told to stop; a server that is away is tried again."""
        while not stop.is_set():
            try:
                self.fetch()
            except (OSError, IMAP4.error, ImapToolsError, Transient) as error:
                log.warning("mailbox not read", host=self._account.host, error=str(error)[:200])
            stop.wait(_POLLS_EVERY)

    def fetch(self) -> int:
        """Keep every unseen mail, and only then mark or move it; returns how many there were.

        A crash between the two has it come again, which changes nothing. Raises OSError and what
        imaplib and imap_tools raise, and Transient.
        """
        account = self._account
        kind = MailBox if account.tls else MailBoxUnencrypted
        box = kind(account.host, account.port, timeout=_SILENCE)
        try:
            box.login(account.user, account.password, account.folder)
            uids = box.uids("UNSEEN")
            for uid in uids:
                self._keep_one(box, uid)
        finally:
            with suppress(OSError, IMAP4.error, ImapToolsError):
                box.logout()
        return len(uids)

    def _keep_one(self, box: BaseMailBox, uid: str) -> None:
        size = _size(box, uid)
        if size > LARGEST_MAIL:
            log.warning("mail too large, left out", uid=uid, bytes=size)
        elif raw := _raw(box, uid):
            self._keep(raw)
        if self._account.done is None or size > LARGEST_MAIL:
            box.flag(uid, MailMessageFlags.SEEN, True)
        else:
            box.move(uid, self._account.done)


def _size(box: BaseMailBox, uid: str) -> int:
    """Bytes of a mail, without fetching it."""
    _, data = box.client.uid("fetch", uid, "(RFC822.SIZE)")
    text = b" ".join(each for each in data if isinstance(each, bytes)).decode("ascii", "replace")
    digits = text.partition("RFC822.SIZE")[2].strip().split(maxsplit=1)
    number = digits[0].rstrip(")") if digits else ""
    return int(number) if number.isdecimal() else 0


def _raw(box: BaseMailBox, uid: str) -> bytes | None:
    """The mail as it is; looking at it does not mark it."""
    _, data = box.client.uid("fetch", uid, "(BODY.PEEK[])")
    return next((bytes(each[1]) for each in data if isinstance(each, tuple)), None)

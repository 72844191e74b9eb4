"""A mailbox on an IMAP server, that replies come to."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from imaplib import IMAP4

import structlog
from imap_tools import BaseMailBox, MailBox, MailBoxUnencrypted
from imap_tools.consts import MailMessageFlags
from imap_tools.errors import ImapToolsError

from orchestrator.domain.inbound_mail import LARGEST_MAIL
from orchestrator.errors import MailboxAway, Transient

log = structlog.get_logger()

Keep = Callable[[bytes], object]
"""Keeps a mail, for good once it returns. Raises Transient while that is not possible."""

Tell = Callable[[str | None], object]
"""Told after each look what was in the way, None where nothing was. Raises nothing."""

_SILENCE = 60
"""Seconds that the server may take to answer."""
_POLLS_EVERY = 30.0
"""Seconds between two looks at the mailbox: what a push would tell, a look finds as well."""

_AWAY = (OSError, IMAP4.error, ImapToolsError)


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

    @property
    def name(self) -> str:
        """What people know it by."""
        return f"{self.user} at {self.host}, {self.folder}"


class Mailbox:
    """The folder of an account, whose unseen mails are given to ``keep``."""

    def __init__(self, account: Account, keep: Keep, tell: Tell = lambda _: None) -> None:
        self._account = account
        self._keep = keep
        self._tell = tell

    def check(self) -> str | None:
        """Look whether it can be read: what is in the way, None where nothing is."""
        try:
            with self._open() as box:
                done = self._account.done
                if done is not None and not box.folder.exists(done):
                    return f"there is no folder {done!r}, where mails go that are kept"
        except _AWAY as error:
            return _said(error)
        return None

    def watch(self, stop: threading.Event) -> None:
        """Look again and again, until told to stop; a server that is away is tried again."""
        while not stop.is_set():
            try:
                self.fetch()
            except (MailboxAway, Transient) as error:
                log.warning("mailbox not read", host=self._account.host, error=_said(error))
            stop.wait(_POLLS_EVERY)

    def fetch(self) -> int:
        """Keep every unseen mail, and only then mark or move it; returns how many there were.

        A crash between the two has it come again, which changes nothing. Raises MailboxAway, and
        Transient where a mail could not be kept.
        """
        try:
            with self._open() as box:
                uids = box.uids("UNSEEN")
                for uid in uids:
                    self._keep_one(box, uid)
        except Transient as error:
            self._tell(_said(error))
            raise
        except _AWAY as error:
            self._tell(_said(error))
            message = f"The mailbox {self._account.name} cannot be read: {_said(error)}"
            raise MailboxAway(message) from error
        self._tell(None)
        return len(uids)

    @contextmanager
    def _open(self) -> Iterator[BaseMailBox]:
        account = self._account
        box = _connected(account)
        try:
            box.login(account.user, account.password, account.folder)
            yield box
        finally:
            with suppress(OSError, IMAP4.error, ImapToolsError):
                box.logout()

    def _keep_one(self, box: BaseMailBox, uid: str) -> None:
        raw = None
        size = _size(box, uid)
        if size <= LARGEST_MAIL:
            raw = _raw(box, uid)
            if raw is None:
                log.warning("mail not fetched, it is tried again", uid=uid)
                return
            size = len(raw)  # what servers say beforehand may be a guess
        if raw is None or size > LARGEST_MAIL:
            log.warning("mail too large, left out", uid=uid, bytes=size)
            box.flag(uid, MailMessageFlags.SEEN, True)
            return
        self._keep(raw)
        if not self._is_moved(box, uid):
            box.flag(uid, MailMessageFlags.SEEN, True)

    def _is_moved(self, box: BaseMailBox, uid: str) -> bool:
        """Move a mail that is kept, where that is said and can be done."""
        if self._account.done is None:
            return False
        try:
            box.move(uid, self._account.done)
        except ImapToolsError as error:
            log.warning("mail not moved, it is marked as seen", uid=uid, error=_said(error))
            return False
        return True


def _connected(account: Account) -> BaseMailBox:
    """Connect to the server, whose certificate has to be its own. Raises OSError and IMAP4.error.

    ``imaplib`` by itself believes any.
    """
    if not account.tls:
        return MailBoxUnencrypted(account.host, account.port, timeout=_SILENCE)
    context = ssl.create_default_context()
    return MailBox(account.host, account.port, timeout=_SILENCE, ssl_context=context)


def _said(error: BaseException) -> str:
    """What was in the way, on a line."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200]


def _size(box: BaseMailBox, uid: str) -> int:
    """Bytes of a mail, without fetching it."""
    _, data = box.client.uid("fetch", uid, "(RFC822.SIZE)")
    text = b" ".join(each for each in data if isinstance(each, bytes)).decode("ascii", "replace")
    digits = text.partition("RFC822.SIZE")[2].strip().split(maxsplit=1)
    number = digits[0].rstrip(")") if digits else ""
    return int(number) if number.isdecimal() else 0


def _raw(box: BaseMailBox, uid: str) -> bytes | None:
    """The mail as it is, None where the server does not give it; to look at it does not mark it."""
    _, data = box.client.uid("fetch", uid, "(BODY.PEEK[])")
    return next((bytes(each[1]) for each in data if isinstance(each, tuple)), None)

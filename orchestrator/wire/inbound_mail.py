"""Mails as they come over the wire, read without trust in any of it."""

from __future__ import annotations

import codecs
import email.utils
import hashlib
import re
from collections.abc import Iterator
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses
from typing import Any

from orchestrator.domain.inbound_mail import LARGEST_MAIL
from orchestrator.domain.mail_reply import InboundMail
from orchestrator.domain.mail_reply.html_text import text_of
from orchestrator.domain.person import address_of
from orchestrator.errors import Unreadable

LONGEST_HEADER = 8192
"""Characters of a header that are looked at."""

MOST_PARTS = 100

MOST_BOUNDARIES = 64
"""Of parts in parts: the parser looks in each line for all of those that are open around it."""

_BOUNDARY = re.compile(rb"boundary[*\d\s]*=", re.IGNORECASE)
_MOST_HEADERS = 1000
_LONGEST_MESSAGE_ID = 500

_ADDRESSED = ("to", "cc", "delivered-to", "x-original-to", "envelope-to", "x-forwarded-to")

_NOT_FOR_TEXT = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"})
"""Codecs that are no charset of mail, and of which some take time that grows with the square."""


_LENIENT: dict[str, Any] = (
    {"strict": False} if hasattr(email.utils, "supports_strict_parsing") else {}
)
"""Older patch releases of Python know no other way."""


def read_mail(raw: bytes) -> InboundMail:
    """Read a mail. Raises Unreadable where nothing of it makes sense."""
    if sum(1 for _ in _BOUNDARY.finditer(raw, 0, LARGEST_MAIL)) > MOST_BOUNDARIES:
        raise Unreadable(f"The mail names more than {MOST_BOUNDARIES} boundaries of parts")
    try:
        message = message_from_bytes(raw[:LARGEST_MAIL])
        headers = _headers(message)
        return InboundMail(
            message_id=_message_id(headers),
            senders=_addresses(headers.get("from", [])),
            return_path=_return_path(headers),
            recipients=_recipients([one for name in _ADDRESSED for one in headers.get(name, [])]),
            subject=_decoded(headers.get("subject", [""])[0]),
            headers={name: values[0] for name, values in headers.items()},
            content_type=message.get_content_type(),
            text=_text(message),
        )
    except (MessageError, LookupError, ValueError, TypeError, RecursionError) as error:
        raise Unreadable(f"The mail cannot be read ({type(error).__name__})") from error


def message_id_of(raw: bytes) -> str:
    """What tells a mail from any other: its Message-ID, or a digest where it has none."""
    return _message_id(_first_headers(raw)) or f"sha256:{hashlib.sha256(raw).hexdigest()}"


def sender_of(raw: bytes) -> str | None:
    """The address that a mail says it is from, as addresses are compared; None where it has none.

    Nothing proves it.
    """
    found = _addresses(_first_headers(raw).get("from", []))
    return address_of(found[0]) if len(found) == 1 else None


def _first_headers(raw: bytes) -> dict[str, list[str]]:
    """The headers without the rest of the mail, which may be large; none where it is no mail."""
    try:
        return _headers(message_from_bytes(raw[: 64 * 1024].split(b"\r\n\r\n", 1)[0]))
    except (MessageError, LookupError, ValueError, TypeError, RecursionError):
        return {}


def _headers(message: Message) -> dict[str, list[str]]:
    """Every header as it stands there, cut; the names in lower case."""
    found: dict[str, list[str]] = {}
    for name, value in list(message.raw_items())[:_MOST_HEADERS]:
        text = " ".join(_plain(value)[:LONGEST_HEADER].split())
        found.setdefault(name.casefold()[:100], []).append(text)
    return found


def _plain(value: object) -> str:
    """Bytes that are no ASCII stand in headers as lone surrogates."""
    return str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _message_id(headers: dict[str, list[str]]) -> str | None:
    given = headers.get("message-id", [""])[0].strip()
    return given if given and len(given) <= _LONGEST_MESSAGE_ID else None


def _return_path(headers: dict[str, list[str]]) -> str | None:
    given = headers.get("return-path")
    return given[0].strip().strip("<>") if given else None


def _addresses(values: list[str]) -> tuple[str, ...]:
    """Addresses only: what stands beside them is not looked at, and decoded by nobody."""
    return tuple(address for _, address in getaddresses(values[:20]) if address)


def _recipients(values: list[str]) -> tuple[str, ...]:
    """The addresses of each header by itself, however it is written.

    Python's strict parser gives up all of them for one display name with an ``@`` in it. A token
    that is found in excess names nobody.
    """
    pairs = (pair for value in values[:20] for pair in getaddresses([value], **_LENIENT))
    return tuple(address for _, address in pairs if address)


def _decoded(value: str) -> str:
    try:
        parts = decode_header(value)
    except MessageError:
        return value
    return "".join(
        part if isinstance(part, str) else _text_in(part, charset or "ascii")
        for part, charset in parts
    )


def _text(message: Message) -> str:
    """What a person reads: the plain parts, or where none says anything the text of the HTML."""
    plain: list[str] = []
    html: list[str] = []
    for part in _inline_parts(message):
        said = _content(part)
        if part.get_content_type() == "text/html":
            html.append(said)
        elif said.strip():
            plain.append(said)
    return "\n".join(plain) if plain else "\n".join(map(text_of, html))


def _inline_parts(message: Message) -> Iterator[Message]:
    """The parts of text that are no attachments, in their order; mails inside it are left out."""
    stack, looked_at = [message], 0
    while stack and looked_at < MOST_PARTS:
        part = stack.pop()
        looked_at += 1
        if part.get_content_maintype() == "multipart":
            inside = part.get_payload()
            parts = inside if isinstance(inside, list) else []
            stack.extend(each for each in reversed(parts) if isinstance(each, Message))
        elif part.get_content_type() in ("text/plain", "text/html") and not _is_attached(part):
            yield part


def _is_attached(part: Message) -> bool:
    return part.get_content_disposition() == "attachment" or part.get_filename() is not None


def _content(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    charset = part.get_param("charset")
    return _text_in(payload, charset if isinstance(charset, str) else "utf-8")


def _text_in(encoded: bytes, charset: str) -> str:
    """Decode; a charset that is none, or does not fit, is read as what it most likely is."""
    try:
        named = codecs.lookup(charset.strip()[:50]).name
        if named not in _NOT_FOR_TEXT:
            return encoded.decode("utf-8" if named == "ascii" else named)
    except (LookupError, ValueError):
        pass
    try:
        return encoded.decode("utf-8")
    except UnicodeDecodeError:
        return encoded.decode("cp1252", "replace")

"""Mails as Mailgun posts them: a form, signed."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from email.message import Message
from email.parser import BytesHeaderParser
from urllib.parse import parse_qsl

from orchestrator.errors import Invalid, Unauthorized

TOLERANCE = timedelta(days=1)
"""How old a post may be: Mailgun tries again for eight hours. No token counts twice in any case."""

_MOST_FIELDS = 1000
_LONGEST = 8192

Form = Mapping[str, bytes]


def read_form(content_type: str, body: bytes) -> Form:
    """The fields of a form, each as bytes. Raises Invalid for what is none."""
    if content_type.casefold().startswith("multipart/form-data"):
        return dict(_parts(content_type, body))
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=_MOST_FIELDS,
            encoding="latin-1",
        )
    except ValueError as error:
        raise Invalid("The body is no form.") from error
    return {name: value.encode("latin-1") for name, value in pairs}


def _parts(content_type: str, body: bytes) -> Iterator[tuple[str, bytes]]:
    """The parts of a form, which has no parts in parts (RFC 7578): what reads mails looks for them.

    Raises Invalid where no boundary is named.
    """
    head = f"Content-Type: {' '.join(content_type.split())}\r\n\r\n"
    boundary = _headers(head.encode("utf-8", "replace")).get_boundary()
    if not boundary:
        raise Invalid("The body is no form.")
    line = b"\r\n--" + boundary.encode("utf-8", "replace")
    for part in (b"\r\n" + body).split(line, _MOST_FIELDS)[1:]:
        if part.startswith(b"--"):
            return
        head_of_part, _, value = part.partition(b"\r\n\r\n")
        name = _headers(head_of_part.lstrip()).get_param("name", header="content-disposition")
        if isinstance(name, str):
            yield name, value


def _headers(head: bytes) -> Message:
    return BytesHeaderParser().parsebytes(head[:_LONGEST])


def require_signed(form: Form, key: str, now: datetime) -> str:
    """The token of a post that Mailgun signed. Raises Unauthorized for another one.

    What is signed is the time and the token, not the mail: whoever takes the post has to see to it
    that no token counts twice.
    """
    timestamp, token = form.get("timestamp", b""), form.get("token", b"")
    expected = hmac.new(key.encode(), timestamp + token, "sha256").hexdigest().encode()
    signed = hmac.compare_digest(expected, form.get("signature", b""))
    if not signed or not token or not timestamp.isdigit():
        raise Unauthorized
    if len(timestamp) > len("9999999999") or abs(now.timestamp() - int(timestamp)) > (
        TOLERANCE.total_seconds()
    ):
        raise Unauthorized
    return token.decode("ascii", "replace")[:_LONGEST]


def mail_of(form: Form) -> bytes:
    """The mail: as it came, where the route's address ends with ``mime``; else put together.

    Raises Invalid where there is none.
    """
    if raw := form.get("body-mime"):
        return raw
    try:
        headers = json.loads(form.get("message-headers", b""))
        lines = [_line(str(name), str(value)) for name, value in headers[:_MOST_FIELDS]]
    except (ValueError, TypeError, RecursionError) as error:
        raise Invalid("The form has neither 'body-mime' nor 'message-headers'.") from error
    kind, body = "plain", form.get("body-plain", b"")
    if not body.strip():
        kind, body = "html", form.get("body-html", b"")
    ours = ("content-type", "content-transfer-encoding", "mime-version")
    kept = [line for line in lines if not line.casefold().startswith(ours)]
    kept += [f"Content-Type: text/{kind}; charset=utf-8", "Content-Transfer-Encoding: 8bit", "", ""]
    return "\r\n".join(kept).encode("utf-8", "replace") + body


def _line(name: str, value: str) -> str:
    return f"{''.join(name.split())}: {' '.join(value.split())}"

"""What a receiver answered: a little of it, read within bounds and never unpacked."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from requests import Response
from urllib3.exceptions import HTTPError

from orchestrator.domain.transport import shown_url

_SECONDS = re.compile(r"[0-9]{1,9}")
_SHOWN_OF_LOCATION = 200


def read_text(response: Response, most: int, kept: int) -> tuple[str, Exception | None]:
    """Read up to ``most`` bytes; the first ``kept`` as text, and what cut the reading short.

    All of a short answer is read, so that its connection can be used again. A compressed answer is
    not unpacked, and gives no text.
    """
    body = bytearray()
    failure: Exception | None = None
    try:
        while len(body) < most and (part := _part(response, most - len(body))):
            body += part
    except (HTTPError, OSError) as error:
        failure = error
    if response.headers.get("Content-Encoding", "identity") != "identity":
        return "", failure
    return printable(body[:kept].decode(errors="replace")), failure


def _part(response: Response, most: int) -> bytes:
    part: bytes = response.raw.read1(most, decode_content=False)
    return part


def redirect(response: Response) -> str | None:
    """The sentence about a redirect that is not followed; None for any other answer.

    Many people read it: where the redirect leads is told without what may be secret in it.
    """
    if response.status_code // 100 != 3:  # noqa: PLR2004 - the class 3xx
        return None
    location = printable(shown_url(response.headers.get("Location", "")))[:_SHOWN_OF_LOCATION]
    return f"redirect to {location or 'nowhere'} not followed"


def retry_after(response: Response) -> float | None:
    """The seconds from now that ``Retry-After`` asks for; None where it is absent or unreadable."""
    value = response.headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # the latter for a year that no machine number holds
        return None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def printable(text: str) -> str:
    """The text without control characters, which neither databases nor terminals take well."""
    return "".join(char for char in text if char.isprintable() or char in "\n\t")

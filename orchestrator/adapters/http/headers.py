"""Headers that we write on a receiver's behalf."""

from __future__ import annotations

import re
from base64 import b64encode

from orchestrator.domain.delivery import Authentication
from orchestrator.errors import Invalid

_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_TOKEN = re.compile(r"[\x21-\x7e]+")


def check_header_value(name: str, value: str) -> None:
    """Raise Invalid unless the value can stand in a header: printable ASCII on one line.

    A line break would begin another header, or another request.
    """
    if not _VALUE.fullmatch(value):
        raise Invalid(f"{name} has to be printable ASCII on one line, without blanks around it.")


def authorization(authentication: Authentication) -> str:
    """The value of ``Authorization``.

    Raises Invalid when the strategy is not known or the credentials cannot be sent.
    """
    if authentication.strategy == "bearer":
        return _bearer(authentication.token)
    if authentication.strategy == "basic":
        return _basic(authentication.username, authentication.password)
    raise Invalid("The authentication strategy has to be 'bearer' or 'basic'.")


def _bearer(token: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise Invalid("A bearer token has to be printable ASCII without blanks.")
    return f"Bearer {token}"


def _basic(username: str, password: str) -> str:
    if ":" in username:
        raise Invalid("A user name for basic authentication must not have a colon in it.")
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode()

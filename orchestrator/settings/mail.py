"""What an operator sets for mails: through which server, from whom, where replies go."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.utils import parseaddr
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from orchestrator.settings.paths import AbsolutePath

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*", re.IGNORECASE)
_LOCAL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")


class Security(StrEnum):
    """How the connection to a mail server is protected."""

    STARTTLS = "starttls"
    """It begins in the clear, and becomes TLS before anything is said."""
    TLS = "tls"
    """TLS from the first byte."""
    OFF = "off"
    """None: for a server on the same machine alone."""


@dataclass(frozen=True, slots=True)
class Relay:
    """The mail server that everything goes through, and how to log in there."""

    host: str
    port: int
    security: Security
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def shown(self) -> str:
        """Which server it is, without what is secret."""
        scheme = "smtps" if self.security is Security.TLS else "smtp"
        user = f"{self.user}:…@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        off = "?tls=off" if self.security is Security.OFF else ""
        return f"{scheme}://{user}{host}:{self.port}{off}"


_PORTS = {"smtp": 587, "smtps": 465}


def relay_of(url: str) -> Relay:
    """Read a relay's URL. Raises ValueError with a sentence, in which nothing of it stands."""
    try:
        parts = urlsplit(url)
        port = _PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError as wrong:
        raise ValueError("is not a URL") from wrong
    if parts.scheme not in _PORTS or not parts.hostname or not port:
        raise ValueError("has to begin with smtp:// or smtps://, and to name a host")
    if parts.path.strip("/") or parts.fragment:
        raise ValueError(
            "has to end after host and port; a password's / # ? are written %2F %23 %3F"
        )
    user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    if (user is None) != (password is None):
        raise ValueError("needs both user and password, or neither: smtp://user:password@host")
    return Relay(
        parts.hostname, port, _security(parts.scheme, parts.hostname, parts.query), user, password
    )


def _security(scheme: str, host: str, query: str) -> Security:
    said = dict(parse_qsl(query, keep_blank_values=True))
    if said not in ({}, {"tls": "off"}):
        raise ValueError("may have one thing only after its ?: tls=off")
    if not said:
        return Security.TLS if scheme == "smtps" else Security.STARTTLS
    if scheme == "smtps":
        raise ValueError("says smtps:// and tls=off, which is both")
    if not _is_loopback(host):
        raise ValueError(
            "says tls=off for a server elsewhere, where passwords and outputs would be readable on "
            "the way: that is for 127.0.0.1, ::1 and localhost alone"
        )
    return Security.OFF


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _checked_relay(given: SecretStr) -> SecretStr:
    relay_of(given.get_secret_value())
    return given


def _domain(given: object) -> object:
    if isinstance(given, str) and not _DOMAIN.fullmatch(given.strip()):
        raise ValueError("has to be a domain: replies.example.com")
    return given.strip().lower() if isinstance(given, str) else given


RelayUrl = Annotated[SecretStr, AfterValidator(_checked_relay)]
Domain = Annotated[str, BeforeValidator(_domain)]


class MailSettings(BaseModel):
    """The settings of mails; see ``Settings``."""

    smtp_url: RelayUrl | None = Field(
        default=None,
        description="Mail server that people are asked through: smtp://user:password@host:587 "
        "(STARTTLS, which is required) or smtps://host:465; ?tls=off for one on this machine "
        "without TLS. Without it: no mail is sent.",
    )
    mail_from: str | None = Field(
        default=None,
        description="Sender of mails: Crews <crews@example.com>. Needed with a mail server.",
    )
    mail_reply_domain: Domain | None = Field(
        default=None,
        description="Domain whose mails reach this service: a mail may then be answered by a reply "
        "to reply+TOKEN@ that domain. Without it: by its links alone.",
    )
    mail_templates: AbsolutePath | None = Field(
        default=None,
        description="Folder of templates that take the place of the built-in ones of the same "
        "name.",
    )

    @field_validator("mail_from")
    @classmethod
    def _is_sender(cls, given: str | None, info: ValidationInfo) -> str | None:
        if given is None:
            if info.data.get("smtp_url") is not None:
                raise ValueError("has to be set with ORCHESTRATOR_SMTP_URL")
            return None
        local, _, domain = parseaddr(given)[1].rpartition("@")
        sound = _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain)
        if not sound or not given.isprintable():
            raise ValueError("has to be an address: Crews <crews@example.com>")
        return given.strip()

    @property
    def relay(self) -> Relay | None:
        """The mail server, None where no mail is sent."""
        return relay_of(self.smtp_url.get_secret_value()) if self.smtp_url else None

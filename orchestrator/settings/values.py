"""Single values of settings: URLs, secrets, networks, ports, lengths of time."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

Network = IPv4Network | IPv6Network


def _parts(value: object) -> object:
    """Split a comma-separated text; anything else is for the type to judge."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _network(value: object) -> Network:
    try:
        return ip_network(str(value))
    except ValueError as wrong:
        raise ValueError(f"{wrong}; write networks as 10.1.2.0/24 or fd00::/8") from wrong


def _without_end_slash(value: object) -> object:
    return value.rstrip("/") if isinstance(value, str) else value


def _scheme_among(*known: str, for_tests: str = "") -> BeforeValidator:
    """Refuse a URL that nothing here can use: said at the start, not by whoever connects."""

    def check(value: object) -> object:
        if isinstance(value, str) and value.partition("://")[0] not in (*known, for_tests):
            raise ValueError(f"it begins with none of: {', '.join(f'{each}://' for each in known)}")
        return value

    return BeforeValidator(check)


_WRITTEN = "; in a password / is written %2F, # is %23, ? is %3F, @ is %40 and : is %3A"
"""What most often is wrong. The URL itself is not told: it may have a password."""


def _readable_broker(url: str) -> str:
    """Raises ValueError where Celery would: for one of several, too, that take turns."""
    for each in url.split(";"):
        try:
            parts = urlsplit(each)
            has_port = parts.port != 0
        except ValueError:
            has_port = False
        if not has_port:
            raise ValueError(f"its port is no number{_WRITTEN}")
        if parts.scheme in ("redis", "rediss") and not re.fullmatch(r"/?\d*", parts.path):
            raise ValueError(f"its database is no number{_WRITTEN}")
    return url


_AUTHORITY = re.compile(r"[^:]+://(?:[^:/]*(?::[^@]*)?@)?(?:\[[^/?]+\]|[^/:?]+)?(?::([^/?]*))?")
"""As SQLAlchemy reads it; what it finds is the port."""


def _readable_database(url: str) -> str:
    """Raises ValueError where SQLAlchemy would, and for a database in memory: each has its own."""
    if url.startswith("sqlite") and url.partition("://")[2] in ("", "/", "/:memory:"):
        raise ValueError("has to name a file: sqlite:////var/lib/crews.db")
    written = _AUTHORITY.match(url)
    if written and written[1] and not written[1].isdecimal():
        raise ValueError(f"its port is no number{_WRITTEN}")
    return url


# Not sentinel: which of its masters is meant no URL can say, and kombu connects to none unsaid.
BrokerUrl = Annotated[
    str,
    _scheme_among("redis", "rediss", "redis+socket", "amqp", "amqps", "pyamqp", for_tests="memory"),
    AfterValidator(_readable_broker),
]
DatabaseUrl = Annotated[
    str,
    _scheme_among("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg", "postgres"),
    AfterValidator(_readable_database),
]


def each_of(secret: SecretStr | None) -> tuple[str, ...]:
    """The secrets of a setting that may have several, separated by commas."""
    given = secret.get_secret_value() if secret else ""
    return tuple(part.strip() for part in given.split(",") if part.strip())


def _checked_secrets(given: SecretStr) -> SecretStr:
    """Refuse commas alone, as a template leaves them: nothing would be signed, or known again."""
    if not each_of(given):
        raise ValueError("has commas, and no secret between them")
    return given


Secrets = Annotated[SecretStr, AfterValidator(_checked_secrets)]
Networks = Annotated[
    tuple[Annotated[Network, BeforeValidator(_network)], ...], NoDecode, BeforeValidator(_parts)
]
Seconds = Annotated[float, Field(gt=0, le=7 * 86_400)]
Days = Annotated[float, Field(gt=0, le=36_525)]
Port = Annotated[int, Field(ge=1, le=65535)]
Ports = Annotated[tuple[Port, ...], NoDecode, BeforeValidator(_parts)]
Origin = Annotated[str, BeforeValidator(_without_end_slash), Field(pattern=r"^https?://[^/\s*]+$")]
Origins = Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_parts)]
HttpUrl = Annotated[
    str,
    BeforeValidator(_without_end_slash),
    Field(pattern=r"^https?://[^/\s?#@]+(/[^\s?#]*)?$"),
]

"""The receivers of webhooks in SQL: URLs, credentials and secrets encrypted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import (
    Connection,
    Row,
    Select,
    bindparam,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from orchestrator.adapters.sql.among import among
from orchestrator.adapters.sql.cipher import Cipher, WrongKey
from orchestrator.adapters.sql.known import Known
from orchestrator.adapters.sql.rows import MOST, insert_new, upsert, values_of
from orchestrator.adapters.sql.schema import endpoints, hosts, naming_key, signing_secrets
from orchestrator.domain.canonical import Json, decode, encode, known_fields
from orchestrator.domain.delivery import Authentication
from orchestrator.domain.endpoint import Endpoint, EndpointState, Health, SigningSecret
from orchestrator.domain.endpoint_host import Host
from orchestrator.domain.transport import Transport, transport_of
from orchestrator.errors import SecretKeyMissing, StaleWrite
from orchestrator.ports import Position

_HEALTH = tuple(field.name for field in fields(Health))
_CHANGES = (
    "state",
    "reason",
    "disabled_at",
    "stop_on_4xx",
    "most_sends",
    "entries",
    "last_digest",
)
"""What of an endpoint changes, besides its health."""

_e = endpoints.c
_s = signing_secrets.c
PAST_PAUSE = (
    select(_e.id).where(_e.quiet_until <= bindparam("now")).order_by(_e.quiet_until).limit(MOST)
)


class SqlEndpoints:
    """Keeps ``ports.Endpoints``."""

    def __init__(self, connection: Connection, cipher: Cipher, known: Known) -> None:
        self._connection = connection
        self._cipher = cipher
        self._known = known

    def ensure(
        self, deployment: str, url: str, authentication: Authentication | None, at: datetime
    ) -> str:
        """Return the id of this endpoint; insert it on first use."""
        credentials = asdict(authentication) if authentication else None
        endpoint_id = self._name([deployment, url, credentials])
        row = {
            "id": endpoint_id,
            "deployment": deployment,
            "url": self._encrypt(url),
            "authentication": self._encrypt(credentials) if credentials else None,
            "created_at": at,
            "state": EndpointState.ENABLED,
            "version": 1,
            "slowness": 0,
        }
        insert_new(self._connection, endpoints, row, ["id"])
        self._known.keep_transport(endpoint_id, transport_of(url))
        return endpoint_id

    def transport(self, endpoint_id: str) -> Transport:
        """How an endpoint is sent to."""
        known = self._known.transport(endpoint_id)
        if known is not None:
            return known
        found = self.get(endpoint_id)
        return found.transport if found else Transport.HTTP

    def get(self, endpoint_id: str) -> Endpoint | None:
        """Read and decrypt; sealed where its secret key was taken away."""
        return self._first(select(endpoints).where(_e.id == endpoint_id))

    def lock(self, endpoint_id: str) -> Endpoint | None:
        """Read, decrypt, and hold the row.

        FOR NO KEY UPDATE keeps out every other lock of ours, but not the inserts of deliveries.
        """
        query = select(endpoints).where(_e.id == endpoint_id)
        return self._first(query.with_for_update(key_share=True))

    def save(self, before: Endpoint, after: Endpoint) -> Endpoint:
        """Write over the version of ``before``. Raises StaleWrite."""
        values = {name: getattr(after, name) for name in _CHANGES}
        values |= {name: getattr(after.health, name) for name in _HEALTH}
        written = self._connection.execute(
            update(endpoints)
            .where(_e.id == before.id, _e.version == before.version, _e.state == before.state)
            .values(version=before.version + 1, **values)
        )
        if not written.rowcount:
            raise StaleWrite
        return replace(after, version=before.version + 1)

    def page(
        self, deployments: Collection[str] | None, after: Position | None, limit: int
    ) -> tuple[Endpoint, ...]:
        """Some of the endpoints of these deployments, or of all, newest first."""
        query = select(endpoints).order_by(_e.created_at.desc(), _e.id.desc()).limit(limit)
        query = query.where(among(_e.deployment, deployments))
        if after:
            seen = tuple_(literal(after.created_at, _e.created_at.type), literal(after.id))
            query = query.where(tuple_(_e.created_at, _e.id) < seen)
        return tuple(self._built(row) for row in self._connection.execute(query).all())

    def past_pause(self, now: datetime, limit: int) -> tuple[str, ...]:
        """Ids of endpoints whose time to be left in peace is over."""
        found = self._connection.execute(PAST_PAUSE, {"now": now, "most": limit})
        return tuple(found.scalars())

    def add_secret(self, secret: SigningSecret) -> None:
        """Insert, encrypted."""
        row = {
            "id": secret.id,
            "deployment": secret.deployment,
            "endpoint_id": secret.endpoint_id,
            "secret": self._encrypt(secret.text),
            "created_at": secret.created_at,
            "expires_at": secret.expires_at,
        }
        self._connection.execute(insert(signing_secrets).values(row))

    def retire_secrets(self, deployment: str, endpoint_id: str | None, at: datetime) -> None:
        """Have the live secrets of this endpoint, or of the deployment itself, end by then."""
        self._connection.execute(
            update(signing_secrets)
            .where(_s.deployment == deployment, _s.endpoint_id == endpoint_id)
            .where(or_(_s.expires_at.is_(None), _s.expires_at > at))
            .values(expires_at=at)
        )

    def secrets(self, endpoint: Endpoint, now: datetime) -> tuple[str, ...]:
        """What signs for an endpoint now: its own and its deployment's, each the newest first.

        Raises SecretKeyMissing.
        """
        query = (
            select(_s.secret)
            .where(_s.deployment == endpoint.deployment)
            .where(or_(_s.endpoint_id.is_(None), _s.endpoint_id == endpoint.id))
            .where(or_(_s.expires_at.is_(None), _s.expires_at > now))
            .order_by(_s.endpoint_id.is_(None), _s.created_at.desc(), _s.id.desc())
        )
        encrypted = self._connection.execute(query).scalars().all()
        try:
            return tuple(map(self._decrypt, encrypted))
        except ValueError as error:
            raise SecretKeyMissing from error

    def lock_host(self, host_id: str) -> Host:
        """Read and hold the row; inserted on first use."""
        found = self._find_host(host_id)
        if found is None:
            insert_new(self._connection, hosts, values_of(Host(host_id)), ["id"])
            found = self._find_host(host_id)
        return found or Host(host_id)

    def _find_host(self, host_id: str) -> Host | None:
        query = select(hosts).where(hosts.c.id == host_id).with_for_update()
        row = self._connection.execute(query).mappings().first()
        return None if row is None else Host(**row)

    def save_host(self, host: Host) -> None:
        """Write the row that is held."""
        upsert(self._connection, hosts, values_of(host), ["id"])

    def _first(self, query: Select[Any]) -> Endpoint | None:
        row = self._connection.execute(query).first()
        return None if row is None else self._built(row)

    def _built(self, row: Row[Any]) -> Endpoint:
        sealed = Endpoint(
            id=row.id,
            deployment=row.deployment,
            url="",
            authentication=None,
            created_at=row.created_at,
            version=row.version,
            health=Health(**{name: getattr(row, name) for name in _HEALTH}),
            is_sealed=True,
            **{name: getattr(row, name) for name in _CHANGES},
        )
        try:
            url: str = self._decrypt(row.url)
            credentials = self._decrypt(row.authentication) if row.authentication else None
        except ValueError:
            return sealed
        self._known.keep_transport(row.id, transport_of(url))
        return replace(
            sealed,
            url=url,
            authentication=Authentication(**known_fields(Authentication, credentials))
            if credentials
            else None,
            host_id=self._name(["host", _host(url)]),
            is_sealed=False,
        )

    def _name(self, parts: Json) -> str:
        """A UUID for what an endpoint or host is; the same for as long as the database lives."""
        if self._known.naming_key is None:
            stored = self._connection.execute(select(naming_key.c.key)).scalar()
            self._known.naming_key = self._naming_key(stored)
        return self._cipher.name(encode(parts), self._known.naming_key)

    def _naming_key(self, stored: bytes | None) -> bytes:
        """The one that a reencryption kept; until then, or without its secret key, the derived."""
        try:
            return self._cipher.decrypt(stored) if stored else self._cipher.oldest_naming_key
        except WrongKey:
            return self._cipher.oldest_naming_key

    def _encrypt(self, value: str | dict[str, str]) -> bytes:
        return self._cipher.encrypt(encode(value))

    def _decrypt(self, encrypted: bytes) -> Any:
        return decode(self._cipher.decrypt(encrypted))


def _host(url: str) -> str:
    """The host and port that a URL names; all of the text where it is no URL.

    Mail addresses name none: what all of them are sent through is the relay.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"

"""The deliveries and their attempts in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from itertools import accumulate
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    case,
    delete,
    literal,
    select,
    update,
)

from orchestrator.adapters.sql.among import among
from orchestrator.adapters.sql.cipher import Cipher, WrongKey
from orchestrator.adapters.sql.column_types import Utc
from orchestrator.adapters.sql.database_clock import database_time
from orchestrator.adapters.sql.due_deliveries import due, is_free, to_wake
from orchestrator.adapters.sql.prepared import Prepared
from orchestrator.adapters.sql.rows import Rows, inserting, values_of
from orchestrator.adapters.sql.schema import (
    deliveries,
    delivery_attempts,
    delivery_failed,
    delivery_waits,
    is_notice,
)
from orchestrator.domain.delivery import Delivery, DeliveryAttempt
from orchestrator.domain.retry import publish_again_at
from orchestrator.domain.webhooks import WebhookKind
from orchestrator.ports import Claim, DeliveryFilter, Outcome, Position

_c = deliveries.c
_WITHOUT_TOKEN = frozenset(
    {WebhookKind.TASK, WebhookKind.STEP, WebhookKind.CREW, WebhookKind.STREAM}
)
"""The kinds in whose bodies nothing is by which somebody could answer: all else is encrypted."""

_CHANGES = (
    "state",
    "due_at",
    "published_at",
    "wake_at",
    "publishes",
    "attempts",
    "claimed_by",
    "lease_until",
    "finished_at",
    "reason",
)
"""What of a delivery changes after it was written."""

_READ = attrgetter(*_CHANGES)

_WRITE = Prepared(
    update(deliveries)
    .where(_c.id == bindparam("was_id"))
    .values(version=_c.version + 1, **{name: bindparam(f"new_{name}") for name in _CHANGES}),
    (),
)

_LINES = select(
    *(
        literal(b"").label("body") if field.name == "body" else _c[field.name]
        for field in fields(Delivery)
    )
)
"""Deliveries without their bodies."""

_PUBLISHES_THAT_DIFFER = 8
"""From that many publications on, the next one is always the longest time away."""

_WOKEN_AT_A_TIME = 1_000
"""Deliveries of an endpoint that are noted as published at once; the next sweep sees the rest."""

CLAIM_BYTES = 4 * 1024 * 1024
"""Bytes of bodies that one claim loads, unless a single one has more: a batch is held in memory."""


class SqlDeliveries:
    """Keeps ``ports.Deliveries``.

    Bodies are deflated, and those of notices then encrypted: they hold the right to answer. Others
    are where outputs are, which they quote. What was written before that is only deflated.
    """

    def __init__(self, connection: Connection, cipher: Cipher) -> None:
        self._connection = connection
        self._cipher = cipher
        self._rows = Rows(connection, deliveries, Delivery)
        self._attempts = Rows(connection, delivery_attempts, DeliveryAttempt)

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Insert."""
        if deliveries:
            rows = [self._row(each) for each in deliveries]
            inserting(self._rows.table, tuple(rows[0])).run_each(self._connection, rows)

    def get(self, delivery_id: str) -> Delivery | None:
        """Read."""
        found = self._rows.by_id(delivery_id)
        return None if found is None else self._opened(found)

    def page(
        self, wanted: DeliveryFilter, after: Position | None, limit: int
    ) -> tuple[Delivery, ...]:
        """Some of the deliveries that are meant, newest first."""
        return self._rows.page(self._wanted(wanted), after, limit, newest_first=True)

    def any_of(self, execution_id: str) -> bool:
        """Whether an execution has any."""
        query = select(_c.id).where(_c.execution_id == execution_id).limit(1)
        return self._connection.execute(query).first() is not None

    def closed(
        self, wanted: DeliveryFilter, after: Position | None, limit: int
    ) -> tuple[Delivery, ...]:
        """Some of those that have ended, oldest first; unless asked for, none that arrived."""
        ended = delivery_failed if wanted.state is None else ~delivery_waits
        return self._rows.page(self._wanted(wanted).where(ended), after, limit)

    def _wanted(self, wanted: DeliveryFilter) -> Select[Any]:
        names = ("execution_id", "endpoint_id", "state")
        equal = {name: getattr(wanted, name) for name in names}
        query = _LINES.where(
            among(_c.deployment, wanted.deployments),
            *(_c[name] == value for name, value in equal.items() if value is not None),
        )
        if wanted.since is not None:
            query = query.where(_c.created_at >= wanted.since)
        return query if wanted.until is None else query.where(_c.created_at < wanted.until)

    def of(self, execution_id: str) -> tuple[Delivery, ...]:
        """All of an execution's with their bodies, in the order of their events."""
        query = self._rows.select().where(_c.execution_id == execution_id)
        found = self._rows.all(query.order_by(_c.sequence, _c.created_at, _c.id))
        return tuple(map(self._opened, found))

    def attempts(self, delivery_id: str) -> tuple[DeliveryAttempt, ...]:
        """Every attempt of a delivery, in order."""
        query = self._attempts.select().where(delivery_attempts.c.delivery_id == delivery_id)
        return self._attempts.all(query.order_by(delivery_attempts.c.id))

    def claim_due(
        self,
        endpoint_id: str,
        worker: str,
        now: datetime,
        lease: timedelta,
        limit: int,
        *,
        bodies: bool = True,
    ) -> Claim:
        """Claim up to ``limit`` that are due and that nobody else holds.

        Notices come first, since a person waits to be asked; then first attempts: what fails again
        and again does not hold up what is new.
        """
        sizes: dict[str, int] = {}
        for statement in due():
            if len(sizes) < limit:
                bound = {"endpoint_id": endpoint_id, "now": now, "most": limit - len(sizes)}
                rows = statement.all(self._connection, bound)
                sizes |= {row[0]: row[1] for row in rows}
        ids = _within(CLAIM_BYTES, sizes) if bodies else list(sizes)
        if not ids:
            return Claim((), is_full=False)
        self._connection.execute(
            update(deliveries)
            .where(_c.id.in_(ids))
            .values(
                version=_c.version + 1,
                claim_no=_c.claim_no + 1,
                claimed_by=worker,
                lease_until=database_time(self._connection, plus=lease),
            )
        )
        query = self._rows.select() if bodies else _LINES
        found = self._rows.all(query.where(_c.id.in_(ids)))
        claimed = map(self._opened, found) if bodies else found
        in_order = tuple(sorted(claimed, key=lambda delivery: ids.index(delivery.id)))
        return Claim(in_order, is_full=len(ids) == limit or len(ids) < len(sizes))

    def has_due_notice(self, endpoint_id: str, now: datetime) -> bool:
        """Whether a human-input notice is due at the endpoint that nobody holds."""
        query = (
            select(_c.id)
            .where(_c.endpoint_id == endpoint_id, delivery_waits, is_notice)
            .where(_c.due_at <= now, is_free())
            .limit(1)
        )
        return self._connection.execute(query).first() is not None

    def record(self, outcomes: Sequence[Outcome]) -> frozenset[str]:
        """Write what became of deliveries, with their attempts; returns the ids of those written.

        Every claim raises the version, so that the version fences the claim as well.
        """
        held = self._versions([outcome.before.id for outcome in outcomes])
        kept = [one for one in outcomes if held.get(one.before.id) == one.before.version]
        if kept:
            self._write(kept)
            self._attempts.add([outcome.attempt for outcome in kept if outcome.attempt])
        return frozenset(outcome.before.id for outcome in kept)

    def _write(self, outcomes: Sequence[Outcome]) -> None:
        """In one statement what changes alike, as a whole batch does that arrived."""
        alike: dict[tuple[tuple[str, Any], ...], list[Delivery]] = {}
        for outcome in outcomes:
            alike.setdefault(_changed(outcome), []).append(outcome.after)
        single = [group[0] for group in alike.values() if len(group) == 1]
        if single:
            _WRITE.run_each(self._connection, list(map(_changes, single)))
        for changed, group in alike.items():
            if len(group) > 1:
                ids = [delivery.id for delivery in group]
                write = update(deliveries).where(_c.id.in_(ids))
                values = {"version": _c.version + 1, **dict(changed)}
                self._connection.execute(write.values(values))

    def _versions(self, ids: Sequence[str]) -> dict[str, int]:
        query = select(_c.id, _c.version).where(_c.id.in_(ids)).order_by(_c.id).with_for_update()
        return {row.id: row.version for row in self._connection.execute(query)} if ids else {}

    def to_wake(self, now: datetime, limit: int) -> tuple[str, ...]:
        """Ids of endpoints that have something due which was not published, or too long ago.

        Endpoints that are quiet are left in peace. It looks at one delivery of each endpoint where
        any wait, however many do.
        """
        found = self._connection.execute(to_wake(), {"now": now, "most": limit})
        return tuple(found.scalars())

    def woken(self, endpoint_id: str, now: datetime) -> bool:
        """Note that what is due at the endpoint is being published again.

        False when nothing there waits for that any more: somebody else just did.
        """
        some = (
            select(_c.id)
            .where(_c.endpoint_id == endpoint_id, delivery_waits, _c.wake_at <= now, is_free())
            .order_by(_c.wake_at)
            .limit(_WOKEN_AT_A_TIME)
            .with_for_update(skip_locked=True)
        )
        noted = self._connection.execute(
            update(deliveries)
            .where(_c.id.in_(some))
            .values(publishes=_c.publishes + 1, published_at=now, wake_at=_wake_at(now))
        )
        return noted.rowcount > 0

    def purge(self, execution_id: str, limit: int) -> int:
        """Delete up to ``limit`` ended ones of an execution, with their attempts."""
        of_execution = _c.execution_id == execution_id
        open_one = select(_c.id).where(of_execution, delivery_waits).limit(1)
        if self._connection.execute(open_one).first():
            return 0
        some = select(_c.id).where(of_execution).limit(limit)
        return self._connection.execute(delete(deliveries).where(_c.id.in_(some))).rowcount

    def _row(self, delivery: Delivery) -> dict[str, Any]:
        body = delivery.body or b""
        is_secret = delivery.kind not in _WITHOUT_TOKEN or self._cipher.encrypts_outputs
        stored = self._cipher.pack(body, secret=is_secret)
        return {**values_of(delivery), "body": stored, "size": len(body)}

    def _opened(self, stored: Delivery) -> Delivery:
        """The delivery with the bytes that are sent; with none where no key here fits."""
        try:
            return replace(stored, body=self._cipher.unpack(stored.body or b""))
        except WrongKey:
            return replace(stored, body=None)


def _within(most: int, sizes: Mapping[str, int]) -> list[str]:
    """The first ids whose bodies have no more bytes than that together; one at least."""
    totals = accumulate(sizes.values())
    return [
        id_
        for place, (id_, total) in enumerate(zip(sizes, totals, strict=True))
        if not place or total <= most
    ]


def _changed(outcome: Outcome) -> tuple[tuple[str, Any], ...]:
    """What of a delivery is no longer as it was, and what it is now."""
    was, now = _READ(outcome.before), _READ(outcome.after)
    return tuple(
        (name, new) for name, old, new in zip(_CHANGES, was, now, strict=True) if new != old
    )


def _changes(after: Delivery) -> dict[str, Any]:
    return {"was_id": after.id, **{f"new_{name}": getattr(after, name) for name in _CHANGES}}


def _wake_at(now: datetime) -> ColumnElement[datetime]:
    """When rows are published again that are published at ``now`` once more."""
    times = {before: publish_again_at(now, before + 1) for before in range(_PUBLISHES_THAT_DIFFER)}
    longest = publish_again_at(now, _PUBLISHES_THAT_DIFFER)
    whens = [(_c.publishes == before, literal(at, Utc())) for before, at in times.items()]
    return case(*whens, else_=literal(longest, Utc()))

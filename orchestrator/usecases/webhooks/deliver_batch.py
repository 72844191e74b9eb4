"""One round of a drain: record what came of a batch, and claim the next one, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.chain import chained
from orchestrator.domain.delivery import Delivery, DeliveryState
from orchestrator.domain.delivery_policy import (
    Admission,
    admit,
    host_after,
    is_known_well,
    judge,
)
from orchestrator.domain.endpoint import SEALED, SEALED_REST, Endpoint
from orchestrator.domain.endpoint_host import Host
from orchestrator.domain.timeline import Entry, worker_actor
from orchestrator.domain.transport import Transport, mail_address
from orchestrator.domain.webhooks import WebhookKind
from orchestrator.errors import SecretKeyMissing, UnknownEndpoint
from orchestrator.ports import Claim, Outcome, Ports, Transaction
from orchestrator.usecases.deployment_settings import settings_of
from orchestrator.usecases.operations.audit import note
from orchestrator.usecases.reviews.undeliverable import note_reached, note_undeliverable
from orchestrator.usecases.webhooks.batch import Batch, DrainWork, Tried, attempt_of, told
from orchestrator.usecases.webhooks.wake import publish_drain, wake_endpoints

log = structlog.get_logger()

TIME_TO_RECORD = timedelta(seconds=10)
"""What the lease of a batch has beyond its longest try."""

CANCELLED_AT_A_TIME = 200

_WHENEVER = datetime.max.replace(tzinfo=UTC)
"""A time by which all that waits is due."""

_USUAL = ("deliver", "retry")
"""What of a stream, which is a flood, stands with the deliveries alone."""


def next_batch(
    ports: Ports, work: DrainWork, last: Batch | None, tried: Sequence[Tried], limit: int
) -> Batch | None:
    """Record what came of the last batch, give back what was not tried, and claim the next one.

    None, and the drain has ended, where nothing is due, nothing may be sent, or ``limit`` is 0; a
    drain that leaves something behind that may be sent now has another one published. One that
    finds no room waits for it, and one that leaves wakes the next that waits, notices first.
    Raises UnknownEndpoint.
    """
    return ports.store.transact(lambda tx: _Round(ports, tx, work).go(last, tried, limit))


class _Round:
    """The transaction of one round; the rows of the endpoint and its host are held."""

    def __init__(self, ports: Ports, tx: Transaction, work: DrainWork) -> None:
        self.ports = ports
        self.tx = tx
        self.work = work
        self.now = tx.now()
        self.has_notice = False
        self.entries: list[Entry] = []

    def go(self, last: Batch | None, tried: Sequence[Tried], limit: int) -> Batch | None:
        loaded = self.tx.endpoints.lock(self.work.endpoint_id)
        if loaded is None:
            raise UnknownEndpoint(self.work.endpoint_id)
        self.endpoint = replace(loaded, health=loaded.health.resume(self.now))
        self.loaded_host = self.host = self._lock_host(loaded)
        if last:
            self._record(last, tried)
        batch = self._claim(last, tried, limit)
        if self.host != self.loaded_host:
            self.tx.endpoints.save_host(self.host)
        head, entries = chained(self.endpoint.head, self.entries)
        self.endpoint = self.endpoint.chained(head)
        if self.endpoint != loaded:
            self.tx.endpoints.save(loaded, self.endpoint)
        self.tx.timeline.add(entries)
        return batch

    def _lock_host(self, endpoint: Endpoint) -> Host:
        """A sealed endpoint's host is not known."""
        return Host("") if endpoint.is_sealed else self.tx.endpoints.lock_host(endpoint.host_id)

    def _record(self, last: Batch, tried: Sequence[Tried]) -> None:
        untried = last.deliveries[len(tried) :]
        outcomes = [self._judged(one) for one in tried]
        outcomes += [Outcome(one, one.give_back()) for one in untried]
        written = self.tx.deliveries.record(outcomes)
        lost = [outcome.before.id for outcome in outcomes if outcome.before.id not in written]
        if lost:
            log.warning("claims of deliveries were lost", delivery_ids=lost)
            self.entries = [entry for entry in self.entries if entry.subject_id not in lost]
        self._note_mails([each.after for each in outcomes if each.before.id in written])

    def _note_mails(self, ended: Sequence[Delivery]) -> None:
        """A mail that did not arrive leaves somebody unasked: that is noted in the same commit.

        So is one that does arrive, with whom others before it had not reached.
        """
        if self.endpoint.transport is not Transport.MAIL:
            return
        about, worker = (self.ports, self.tx), self.work.worker
        for each in ended:
            if each.state is DeliveryState.DELIVERED:
                address = mail_address(self.endpoint.url)
                note_reached(*about, each.deployment, address, worker)
            elif each.finished_at:
                note_undeliverable(*about, each, worker)

    def _judged(self, tried: Tried) -> Outcome:
        before, result = tried.delivery, tried.result
        jitter = self.ports.chance.jitter()
        rules = settings_of(self.ports, self.tx, before.deployment).delivery_rules
        self.host = host_after(self.host, result, self.now, jitter)
        verdict = judge(result, before, self.endpoint, rules, self.now, jitter)
        attempt = attempt_of(tried, verdict.delivery.attempts)
        if before.kind != WebhookKind.STREAM or verdict.transition not in _USUAL:
            self._note(f"delivery.{verdict.transition}", before, before.id, told(before, attempt))
        if self.endpoint.is_enabled and not verdict.endpoint.is_enabled:
            self._tell_owner(before, verdict.endpoint)
        self.endpoint = verdict.endpoint
        return Outcome(before, verdict.delivery, attempt)

    def _tell_owner(self, delivery: Delivery, disabled: Endpoint) -> None:
        """In the timeline of the execution that met it, in the log; the metrics read the row."""
        self._note("endpoint.disable", delivery, disabled.id, {"reason": disabled.reason})
        actor, details = worker_actor(self.work.worker), {"reason": disabled.reason}
        note(
            self.ports,
            self.tx,
            actor,
            "endpoint.disable",
            disabled.id,
            disabled.deployment,
            **details,
        )
        log.error(
            "endpoint disabled",
            endpoint_id=disabled.id,
            deployment=disabled.deployment,
            reason=disabled.reason,
        )

    def _note(self, event: str, delivery: Delivery, subject_id: str, details: JsonObject) -> None:
        self.entries.append(
            Entry(
                execution_id=delivery.execution_id,
                deployment=delivery.deployment,
                at=self.now,
                actor=worker_actor(self.work.worker),
                event=event,
                subject_id=subject_id,
                details={key: value for key, value in details.items() if value is not None},
                endpoint_id=self.work.endpoint_id,
            )
        )

    def _claim(self, last: Batch | None, tried: Sequence[Tried], limit: int) -> Batch | None:
        if not self.endpoint.is_enabled:
            self._cancel_waiting(last)
            return None
        secrets = self._secrets() if limit else ()
        if secrets is None:
            self._wait_for_key()
            self._leave(last)
            return None
        admission = self._admitted(limit)
        claimed = self._claimed(admission)
        if claimed.deliveries:
            return self._begin(last, admission, claimed, secrets)
        if last:
            self.tx.drains.end(self.work.id)
        if admission.waits_until:
            self._wait(admission.waits_until, admission)
        else:
            self.tx.drains.waits_no_more(self.endpoint.id)
        if last or not admission.waits_until:
            self._make_room(unproven=last is not None and last.unproven)
        if last and not limit and last.leaves_some(tried):
            self._publish_again()
        return None

    def _leave(self, last: Batch | None) -> None:
        """End the drain, and let others have its room."""
        self.tx.drains.end(self.work.id)
        self.tx.drains.waits_no_more(self.endpoint.id)
        self._make_room(unproven=last is not None and last.unproven)

    def _begin(
        self,
        last: Batch | None,
        admission: Admission,
        claimed: Claim,
        secrets: tuple[str, ...],
    ) -> Batch:
        lease, unproven = self._lease, admission.unproven
        place = (self.work.id, self.endpoint.id, self.endpoint.host_id)
        self.tx.drains.hold(*place, lease, unproven=unproven)
        if admission.probes:
            self.host = self.host.probed(self.now + lease)
        if last is None:
            self.tx.drains.waits_no_more(self.endpoint.id)
            if claimed.is_full and admission.limit > 1:
                self._publish_again()  # it helps, where limits allow it
        return Batch(self.endpoint, secrets, claimed.deliveries, claimed.is_full, unproven)

    def _wait(self, until: datetime, admission: Admission) -> None:
        self.tx.drains.wait(
            self.endpoint.id,
            self.endpoint.host_id,
            until - self.now,
            unproven=admission.unproven,
            has_notice=self.has_notice,
        )

    def _make_room(self, *, unproven: bool) -> None:
        """Whoever waits for the room that this drain leaves, or does not need, is woken."""
        place = (self.endpoint.id, self.endpoint.host_id)
        waiting = self.tx.drains.next_waiting(*place, unproven=unproven)
        if waiting:
            wake_endpoints(self.tx, [waiting], self.now)

    def _publish_again(self) -> None:
        publish_drain(self.tx, self.endpoint.id, self.endpoint.transport)

    @property
    def _lease(self) -> timedelta:
        return self.ports.send_limits.one_try + TIME_TO_RECORD

    def _admitted(self, limit: int) -> Admission:
        if not limit:
            return Admission(0)
        if not is_known_well(self.endpoint, self.host):
            self.tx.drains.lock_unproven()
        others = self.tx.drains.others(self.work.id, self.endpoint.id, self.endpoint.host_id)
        about = (self.endpoint, self.host, others, self.ports.send_limits, self.now, limit)
        admission = admit(*about)
        if admission.waits_until is None:
            return admission
        self.has_notice = self.tx.deliveries.has_due_notice(self.endpoint.id, self.now)
        return admit(*about, has_notice=True) if self.has_notice else admission

    def _claimed(self, admission: Admission) -> Claim:
        if admission.quiet_until:
            health = self.endpoint.health.quiet(admission.quiet_until)
            self.endpoint = replace(self.endpoint, health=health)
        if not admission.limit:
            return Claim((), is_full=False)
        claimed = self.tx.deliveries.claim_due(
            self.endpoint.id, self.work.worker, self.now, self._lease, admission.limit
        )
        sealed = [one for one in claimed.deliveries if one.body is None]
        if not sealed:
            return claimed
        self._put_off(sealed)
        readable = tuple(one for one in claimed.deliveries if one.body is not None)
        if claimed.is_full and not readable:
            self._publish_again()
        return claimed._replace(deliveries=readable)

    def _put_off(self, sealed: Sequence[Delivery]) -> None:
        """What cannot be decrypted waits for whoever has the key, and delays nothing else."""
        log.error(
            "deliveries cannot be sent",
            endpoint_id=self.endpoint.id,
            delivery_ids=[one.id for one in sealed],
            reason=SEALED,
        )
        until = self.now + SEALED_REST
        self.tx.deliveries.record([Outcome(one, one.wait_for_key(until, SEALED)) for one in sealed])

    def _secrets(self) -> tuple[str, ...] | None:
        """What signs; None where nothing can be sent, since a secret key is missing."""
        if self.endpoint.is_sealed:
            return None
        try:
            return self.tx.endpoints.secrets(self.endpoint, self.now)
        except SecretKeyMissing:
            return None

    def _wait_for_key(self) -> None:
        """What waits there goes on waiting; whoever has the key will send it."""
        log.error("nothing can be sent", endpoint_id=self.endpoint.id, reason=SEALED)
        health = self.endpoint.health.quiet(self.now + SEALED_REST)
        self.endpoint = replace(self.endpoint, health=health)

    def _cancel_waiting(self, last: Batch | None) -> None:
        """Nothing is sent to a disabled endpoint: what waits there ends, a batch at a time."""
        reason = f"Its endpoint is disabled: {self.endpoint.reason}"
        waiting = self.tx.deliveries.claim_due(
            self.endpoint.id,
            self.work.worker,
            _WHENEVER,
            self._lease,
            CANCELLED_AT_A_TIME,
            bodies=False,
        )
        for one in waiting.deliveries:
            self._note("delivery.cancel", one, one.id, {"kind": one.kind, "error": reason})
        dropped = [Outcome(one, one.drop(self.now, reason)) for one in waiting.deliveries]
        self.tx.deliveries.record(dropped)
        self._note_mails([each.after for each in dropped])
        self._leave(last)
        if waiting.is_full:
            self._publish_again()

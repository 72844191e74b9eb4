"""One round of a drain: record what came of a batch, and claim the next one, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from orchestrator.domain.delivery import Delivery
from orchestrator.domain.delivery_policy import Admission, admit, is_known_well
from orchestrator.domain.endpoint import SEALED, SEALED_REST
from orchestrator.domain.transport import Transport
from orchestrator.errors import SecretKeyMissing
from orchestrator.ports import Claim, Outcome, Ports, Transaction
from orchestrator.usecases.reviews.asked_in_vain import asked_in_vain
from orchestrator.usecases.webhooks.batch import Batch, DrainWork, Tried
from orchestrator.usecases.webhooks.locked_endpoint import LockedEndpoint
from orchestrator.usecases.webhooks.record_tries import cancel, cancel_waiting, record_tries
from orchestrator.usecases.webhooks.wake import publish_drain, wake_endpoints

log = structlog.get_logger()


def next_batch(
    ports: Ports, work: DrainWork, last: Batch | None, tried: Sequence[Tried], limit: int
) -> Batch | None:
    """Record what came of the last batch, give back what was not tried, and claim the next one.

    None, and the drain has ended, where nothing is due, nothing may be sent, or ``limit`` is 0; a
    drain that leaves something behind that may be sent now has another one published. One that
    finds no room waits for it, and one that leaves wakes the next that waits, notices first.
    Raises UnknownEndpoint.
    """

    def go_round(tx: Transaction) -> Batch | None:
        locked = LockedEndpoint(ports, tx, work)
        if last:
            record_tries(locked, last, tried)
        batch = _Claiming(locked, last).claim(tried, limit)
        locked.close()
        return batch

    return ports.store.transact(go_round)


class _Claiming:
    """Claims what is sent next to a locked endpoint, or says when somebody comes back for it."""

    def __init__(self, locked: LockedEndpoint, last: Batch | None) -> None:
        self.locked = locked
        self.tx = locked.tx
        self.last = last
        self.has_notice = False

    def claim(self, tried: Sequence[Tried], limit: int) -> Batch | None:
        """The next batch; None where there is none, and the drain has ended."""
        last = self.last
        if not self.locked.endpoint.is_enabled:
            self._cancel_waiting()
            return None
        secrets = self._secrets() if limit else ()
        if secrets is None:
            self._wait_for_key()
            self._leave()
            return None
        admission = self._admitted(limit)
        claimed = self._claimed(admission)
        if claimed.deliveries:
            return self._begin(admission, claimed, secrets)
        if last:
            self.tx.drains.end(self.locked.work.id)
        if admission.waits_until:
            self._wait(admission.waits_until, admission)
        else:
            self.tx.drains.waits_no_more(self.locked.endpoint.id)
        if last or not admission.waits_until:
            self._make_room()
        if last and not limit and last.leaves_some(tried):
            self._publish_again()
        return None

    def _leave(self) -> None:
        """End the drain, and let others have its room."""
        self.tx.drains.end(self.locked.work.id)
        self.tx.drains.waits_no_more(self.locked.endpoint.id)
        self._make_room()

    def _begin(self, admission: Admission, claimed: Claim, secrets: tuple[str, ...]) -> Batch:
        lease, unproven = self.locked.lease, admission.unproven
        self.tx.drains.hold(self.locked.work.id, *self.locked.place, lease, unproven=unproven)
        if admission.probes:
            self.locked.host = self.locked.host.probed(self.locked.now + lease)
        if self.last is None:
            self.tx.drains.waits_no_more(self.locked.endpoint.id)
            if claimed.is_full and admission.limit > 1:
                self._publish_again()  # it helps, where limits allow it
        return Batch(self.locked.endpoint, secrets, claimed.deliveries, claimed.is_full, unproven)

    def _wait(self, until: datetime, admission: Admission) -> None:
        self.tx.drains.wait(
            *self.locked.place,
            until - self.locked.now,
            unproven=admission.unproven,
            has_notice=self.has_notice,
        )

    def _make_room(self) -> None:
        """Whoever waits for the room that this drain leaves, or does not need, is woken."""
        unproven = self.last is not None and self.last.unproven
        waiting = self.tx.drains.next_waiting(*self.locked.place, unproven=unproven)
        if waiting:
            wake_endpoints(self.tx, [waiting], self.locked.now)

    def _publish_again(self) -> None:
        publish_drain(self.tx, self.locked.endpoint.id, self.locked.endpoint.transport)

    def _admitted(self, limit: int) -> Admission:
        if not limit:
            return Admission(0)
        locked = self.locked
        if not is_known_well(locked.endpoint, locked.host):
            self.tx.drains.lock_unproven()
        others = self.tx.drains.others(locked.work.id, *locked.place)
        limits = locked.ports.send_limits
        about = (locked.endpoint, locked.host, others, limits, locked.now, limit)
        admission = admit(*about)
        if admission.waits_until is None:
            return admission
        self.has_notice = self.tx.deliveries.has_due_notice(locked.endpoint.id, locked.now)
        return admit(*about, has_notice=True) if self.has_notice else admission

    def _claimed(self, admission: Admission) -> Claim:
        locked = self.locked
        if admission.quiet_until:
            locked.rest(admission.quiet_until)
        if not admission.limit:
            return Claim((), is_full=False)
        claimed = self.tx.deliveries.claim_due(
            locked.endpoint.id, locked.work.worker, locked.now, locked.lease, admission.limit
        )
        sendable = self._sendable(claimed.deliveries)
        if claimed.is_full and not sendable:
            self._publish_again()
        return claimed._replace(deliveries=sendable)

    def _sendable(self, claimed: Sequence[Delivery]) -> tuple[Delivery, ...]:
        """The claimed ones that can and need to go out; the others are seen to."""
        sealed = [one for one in claimed if one.body is None]
        if sealed:
            self._put_off(sealed)
        readable = tuple(one for one in claimed if one.body is not None)
        if self.locked.endpoint.transport is not Transport.MAIL:
            return readable
        reasons = asked_in_vain(self.tx, readable)
        if not reasons:
            return readable
        cancel(self.locked, [(one, reasons[one.id]) for one in readable if one.id in reasons])
        return tuple(one for one in readable if one.id not in reasons)

    def _put_off(self, sealed: Sequence[Delivery]) -> None:
        """What cannot be decrypted waits for whoever has the key, and delays nothing else."""
        log.error(
            "deliveries cannot be sent",
            endpoint_id=self.locked.endpoint.id,
            delivery_ids=[one.id for one in sealed],
            reason=SEALED,
        )
        until = self.locked.now + SEALED_REST
        self.tx.deliveries.record([Outcome(one, one.wait_for_key(until, SEALED)) for one in sealed])

    def _secrets(self) -> tuple[str, ...] | None:
        """What signs; None where nothing can be sent, since a secret key is missing."""
        if self.locked.endpoint.is_sealed:
            return None
        try:
            return self.tx.endpoints.secrets(self.locked.endpoint, self.locked.now)
        except SecretKeyMissing:
            return None

    def _wait_for_key(self) -> None:
        """What waits there goes on waiting; whoever has the key will send it."""
        log.error("nothing can be sent", endpoint_id=self.locked.endpoint.id, reason=SEALED)
        self.locked.rest(self.locked.now + SEALED_REST)

    def _cancel_waiting(self) -> None:
        """Nothing is sent to a disabled endpoint: what waits there ends."""
        is_more = cancel_waiting(self.locked)
        self._leave()
        if is_more:
            self._publish_again()

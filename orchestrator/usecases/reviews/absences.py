"""Say that a person is away, and who is asked instead."""

from __future__ import annotations

from orchestrator.domain.review_terms import Absence
from orchestrator.errors import Invalid, NotFound
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.operations.audit import note


def begin_absence(ports: Ports, absence: Absence, actor: str) -> Absence:
    """Write it down, in the place of an earlier one. What is open already stays with the person.

    Raises Invalid for a time that has passed, and where absences would lead in a circle.
    """

    def decide(tx: Transaction) -> Absence:
        now = tx.now()
        if absence.until <= now:
            raise Invalid("'until' has passed already.", {"until": "has passed already"})
        others = {**tx.absences.at(now), absence.address: absence}
        if _leads_back(absence.address, others):
            message = f"{absence.to} is away as well, and that leads back to {absence.address}."
            raise Invalid(message, {"to": "leads in a circle"})
        tx.absences.put(absence)
        until = absence.until.isoformat()
        note(ports, tx, actor, "absence.begin", absence.address, None, until=until, to=absence.to)
        return absence

    return ports.store.transact(decide)


def _leads_back(address: str, absences: dict[str, Absence]) -> bool:
    seen = {address}
    to = absences[address].to
    while to in absences and to not in seen:
        seen.add(to)
        to = absences[to].to
    return to in seen


def end_absence(ports: Ports, address: str, actor: str) -> None:
    """The person is back. Raises NotFound where they were not away."""

    def decide(tx: Transaction) -> bool:
        if not tx.absences.end(address):
            return False
        note(ports, tx, actor, "absence.end", address, None)
        return True

    if not ports.store.transact(decide):
        raise NotFound(f"{address} is not away")


def list_absences(ports: Ports) -> tuple[Absence, ...]:
    """Who is away now, by address."""
    found = ports.store.read(lambda tx: tx.absences.at(tx.now()))
    return tuple(found[address] for address in sorted(found))

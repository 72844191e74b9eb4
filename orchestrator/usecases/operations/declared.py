"""Note in the audit log that the deployment file was edited between two starts of the service."""

from __future__ import annotations

import structlog

from orchestrator.domain.audit import OPERATOR
from orchestrator.domain.declaration import changes, declaration
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.operations.audit import note

log = structlog.get_logger()


def note_declared(ports: Ports) -> None:
    """Compare what is declared with what was when a process last started, and keep it.

    What differs is noted once, however many processes start; of whom, nobody knows. Of a deployment
    that is new there is nothing to tell.
    """
    declared = {
        name: declaration(ports.deployments.get(name)) for name in ports.deployments.names()
    }
    known = ports.store.read(lambda tx: tx.manifests.declared())
    edited = [name for name in sorted(declared) if known.get(name) != declared[name]]

    def write(tx: Transaction) -> None:
        for name in edited:
            before = tx.manifests.declare(name, declared[name])
            changed = {} if before is None else changes(before, declared[name])
            if changed:
                log.info("deployment was edited", deployment=name, settings=sorted(changed))
                note(ports, tx, OPERATOR, "deployment.edit", name, name, changed=changed)

    if edited:
        ports.store.transact(write)

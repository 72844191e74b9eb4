"""One worker process: what it needs in order to run jobs, made once, after the fork."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta

from orchestrator import jobs
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.plan import Plan
from orchestrator.errors import DeploymentBroken
from orchestrator.ports import Ports
from orchestrator.settings import Settings
from orchestrator.usecases.executions.changed_code import Turns
from orchestrator.usecases.executions.claiming import Worker
from orchestrator.usecases.operations.declared import note_declared
from orchestrator.usecases.operations.load_deployments import digests_of, load_deployments
from orchestrator.usecases.operations.secret_key import sealed_warning
from orchestrator.usecases.outage import retry_through_outage
from orchestrator.wiring import make_ports
from workers.lease_keeper import ThreadLeaseKeeper


@dataclass(frozen=True, slots=True)
class Identity:
    """Which worker this is: the node's name with an id of its own, and the queues it consumes.

    The children of a node share it, so that their parent can give back what they held.
    """

    name: str
    queues: tuple[str, ...]


class WorkerProcess:
    """The ports, the loaded code and the lease keeper of one process."""

    def __init__(self, settings: Settings, identity: Identity) -> None:
        self.identity = identity
        self.ports: Ports = make_ports(settings)
        grace = timedelta(seconds=settings.time_limit_grace)
        self.keeper = ThreadLeaseKeeper(self.ports, identity.name, identity.queues, grace)
        self._turns = Turns()
        self._loaded: dict[str, Plan | DeploymentBroken] = {}

    def begin(self) -> None:
        """Load the deployments' code where this worker runs crews, and begin to keep leases."""
        if jobs.runs_crews(self.identity.queues):
            note_declared(self.ports)
            self._loaded = load_deployments(
                self.ports, self.identity.name, self.identity.queues, self.keeper.process
            )
            self._warm_up()
        if {jobs.WEBHOOKS, jobs.MAIL}.intersection(self.identity.queues):
            sealed_warning(self.ports)
        self.keeper.begin(digests_of(self._loaded))

    def _warm_up(self) -> None:
        """Once the code has loaded: only what is used costs its seconds."""
        declared = self.ports.deployments
        used = {declared.get(name).runner for name in self._loaded}
        for kind in sorted(used & self.ports.runners.keys()):
            self.ports.runners[kind].warm_up()

    @property
    def worker(self) -> Worker:
        """What the use case that runs tasks has to know of this process."""
        return Worker(
            self.identity.name,
            self.keeper,
            self._plan,
            lambda: self.keeper.knows_who_lives,
            self._turns,
        )

    def _plan(self, deployment: Deployment) -> Plan:
        found = self._loaded.get(deployment.name)
        if found is None:
            raise DeploymentBroken(
                f"Deployment {deployment.name!r} is not in this worker's deployment file"
            )
        if isinstance(found, DeploymentBroken):
            raise found
        return found


class _Current:
    """The process that this interpreter is; made on first use, again after a fork.

    One that could not begin is none: it would take jobs without its code, and keep no lease.
    """

    def __init__(self) -> None:
        self.settings: Settings | None = None
        self.identity: Identity | None = None
        self._process: WorkerProcess | None = None
        self._lock = threading.Lock()

    def get(self) -> WorkerProcess:
        with self._lock:
            if self._process is None:
                if self.settings is None or self.identity is None:
                    raise RuntimeError("the worker has not been set up")
                made = WorkerProcess(self.settings, self.identity)
                retry_through_outage(made.begin)
                self._process = made
            return self._process

    def forget(self) -> None:
        """Leave what the parent had to the parent."""
        self._lock = threading.Lock()
        self._process = None


current = _Current()

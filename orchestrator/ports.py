"""What the use cases need of the world, as Protocols. Each adapter keeps one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, TypeVar

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.chain import Chain
from orchestrator.domain.checkpoint import Checkpoint
from orchestrator.domain.delivery import (
    Authentication,
    Delivery,
    DeliveryAttempt,
    DeliveryState,
    SendResult,
)
from orchestrator.domain.delivery_policy import OtherDrains, SendLimits
from orchestrator.domain.deployment import Deployment, Manifest
from orchestrator.domain.endpoint import Endpoint, SigningSecret
from orchestrator.domain.endpoint_host import Host
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.figures import StateCount, TaskFigures, Waiting
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan
from orchestrator.domain.review import Review
from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.timeline import Entry
from orchestrator.domain.token import Token
from orchestrator.jobs import Job

T = TypeVar("T")


class Clock(Protocol):
    """Tells the time by which due times are set."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...


class Ids(Protocol):
    """Makes ids."""

    def new(self) -> str:
        """A new UUIDv7 as text: ids made later sort later."""
        ...


class Chance(Protocol):
    """Makes randomness."""

    def jitter(self) -> float:
        """A number from -1 to 1, evenly distributed."""
        ...

    def secret(self) -> str:
        """A new secret of 256 bits as URL-safe text."""
        ...


class Jobs(Protocol):
    """Sends jobs to workers."""

    def publish(self, job: Job) -> None:
        """Send one job to its queue.

        Raises OSError when the broker cannot be reached; the row that the job is about is swept up.
        """
        ...


class Runner(Protocol):
    """Runs the tasks of deployments of one kind."""

    def plan(self, deployment: Deployment) -> Plan:
        """Load the user's code and read its plan.

        Raises DeploymentBroken, with one sentence for its author, when it does not load.
        """
        ...

    def run(self, deployment: Deployment, chain: Chain, progress: Progress) -> TaskResult:
        """Run the task that is due in the chain, in this process, to its end.

        Raises TaskFailed or any exception of the user's code; neither changes anything of ours.
        """
        ...


class Progress(Protocol):
    """What a runner tells, and is told, while it runs a task."""

    def check(self) -> None:
        """Raise ClaimLost when the run was stopped or its claim was lost: its work is in vain."""
        ...

    def step(self, step: Step) -> None:
        """Tell of one thought or tool call of an agent."""
        ...

    def event(self, kind: str, data: JsonObject) -> None:
        """Tell of one event of the runner's own bus, under the name that it has there."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One thought or tool call of an agent, as step webhooks tell it."""

    prompt: str = ""
    thought: str = ""
    tool: str = ""
    tool_input: str = ""
    result: str = ""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What a run of a task gave.

    ``usage`` are token counts by CrewAI's names (``total_tokens``, ``prompt_tokens``,
    ``completion_tokens``, …). ``skipped`` says that a conditional task's condition did not hold:
    nobody needs to review that.
    """

    output: Output
    usage: Mapping[str, int]
    skipped: bool = False


class Sender(Protocol):
    """The one way out: every outgoing HTTP request goes through it, guarded."""

    def vet(self, url: str, authentication: Authentication | None = None) -> None:
        """Check a URL and the credentials for it when they are given.

        Raises BlockedAddress when it is no http(s) URL, or leads to an address that is not allowed,
        and Invalid when the credentials cannot be sent.
        A name that does not resolve just now is accepted, and decided when something is sent.
        """
        ...

    def send(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        authentication: Authentication | None = None,
    ) -> SendResult:
        """POST the bytes as JSON; never raises for what the network or the receiver does."""
        ...


class Signer(Protocol):
    """Signs webhooks so that receivers know that they are ours."""

    def headers(
        self, secrets: Sequence[str], delivery_id: str, at: datetime, body: bytes
    ) -> dict[str, str]:
        """The signature headers for this try; none where there is no secret.

        ``secrets`` are the receiver's own live ones, the newest first; those that hold for all come
        after them.
        """
        ...


class Position(NamedTuple):
    """A place in a list that is read page by page: the row that was read last."""

    created_at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """Which executions are meant; what is None does not matter.

    ``since`` and ``until`` bound the time of the kickoff, the latter exclusively; ``meta`` is a
    text that the JSON of their meta has in it, whatever its case.
    """

    deployment: str | None = None
    state: ExecutionState | None = None
    since: datetime | None = None
    until: datetime | None = None
    meta: str | None = None


class Executions(Protocol):
    """The executions, in one transaction."""

    def add(self, execution: Execution) -> bool:
        """Insert; False, and nothing done, when the id is taken."""
        ...

    def get(self, execution_id: str) -> Execution | None:
        """Read without a lock."""
        ...

    def lock(self, execution_id: str) -> Execution | None:
        """Read and hold the row until the transaction ends: nobody else changes the execution."""
        ...

    def save(self, before: Execution, after: Execution) -> Execution:
        """Write over the state and version of ``before``; returns it with its new version.

        Raises StaleWrite when the row is no longer as ``before`` says.
        """
        ...

    def page(
        self, wanted: ExecutionFilter, after: Position | None, limit: int
    ) -> tuple[Execution, ...]:
        """Some of the executions that are meant, newest first."""
        ...

    def of_batch(self, batch: str) -> tuple[Execution, ...]:
        """All of a batch's, in the order in which they were kicked off."""
        ...

    def to_purge(self, finished_before: datetime, limit: int) -> tuple[str, ...]:
        """Ids of executions that finished before then and still have what a purge takes away."""
        ...

    def purged(self, execution_id: str, at: datetime) -> None:
        """Note that an execution's deliveries and outputs are gone."""
        ...


class TaskRuns(Protocol):
    """The task runs, in one transaction."""

    def add(self, runs: Sequence[TaskRun]) -> None:
        """Insert."""
        ...

    def get(self, task_run_id: str) -> TaskRun | None:
        """Read."""
        ...

    def of(self, execution_id: str) -> tuple[TaskRun, ...]:
        """All of an execution's, in the order in which they were made."""
        ...

    def save(self, before: TaskRun, after: TaskRun) -> TaskRun:
        """Write over the state and version of ``before``. Raises StaleWrite as executions do."""
        ...

    def renew(self, task_run_id: str, claim_no: int, lease: timedelta) -> bool:
        """Move the lease's end to that long after now, by the database's clock.

        False when the claim is no longer the current one: the run's work is in vain.
        """
        ...

    def lapsed(self, limit: int) -> tuple[str, ...]:
        """Ids of the runs whose lease has ended, by the database's clock."""
        ...

    def claimed_by(self, worker: str) -> tuple[str, ...]:
        """Ids of the runs that this worker holds."""
        ...

    def to_wake(self, now: datetime, limit: int) -> tuple[TaskRun, ...]:
        """Runs that are due and were not published, or too long ago."""
        ...

    def woken(self, run: TaskRun, now: datetime, wake_at: datetime) -> bool:
        """Note that the run is being published again; False when somebody else just did."""
        ...


class Outputs(Protocol):
    """The outputs, in one transaction. Each is written once."""

    def add(self, output_id: str, execution_id: str, output: Output, at: datetime) -> None:
        """Insert. Raises TaskFailed when it is too large or has no JSON form."""
        ...

    def get(self, output_ids: Sequence[str]) -> dict[str, Output]:
        """Read several at a time, by id."""
        ...

    def purge(self, execution_id: str) -> None:
        """Replace what an execution's outputs hold by nothing; they are still found."""
        ...


class Checkpoints(Protocol):
    """The checkpoints, in one transaction. Append-only."""

    def add(self, checkpoint: Checkpoint) -> None:
        """Insert."""
        ...

    def newest(self, execution_id: str) -> Checkpoint | None:
        """The one to go on from. Raises DeploymentBroken for a format that we cannot read."""
        ...


class Reviews(Protocol):
    """The reviews, in one transaction."""

    def add(self, review: Review) -> None:
        """Insert."""
        ...

    def get(self, review_ids: Sequence[str]) -> dict[str, Review]:
        """Read several at a time, by id."""
        ...

    def of(self, execution_id: str) -> tuple[Review, ...]:
        """All of an execution's, oldest first."""
        ...

    def save(self, before: Review, after: Review) -> Review:
        """Write over the state and version of ``before``. Raises StaleWrite as executions do."""
        ...

    def overdue(self, now: datetime, limit: int) -> tuple[Review, ...]:
        """Open reviews whose deadline has passed."""
        ...

    def pending(
        self, deployment: str | None, after: Position | None, limit: int
    ) -> tuple[Review, ...]:
        """Some of the open reviews of a deployment, or of all, oldest first."""
        ...


class Outcome(NamedTuple):
    """What becomes of a claimed delivery; ``attempt`` is None where nothing was tried."""

    before: Delivery
    after: Delivery
    attempt: DeliveryAttempt | None = None


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries are meant; what is None does not matter.

    ``since`` and ``until`` bound the time at which they were made, the latter exclusively.
    """

    deployment: str | None = None
    execution_id: str | None = None
    endpoint_id: str | None = None
    state: DeliveryState | None = None
    since: datetime | None = None
    until: datetime | None = None


class Deliveries(Protocol):
    """The deliveries and their attempts, in one transaction."""

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Insert."""
        ...

    def get(self, delivery_id: str) -> Delivery | None:
        """Read."""
        ...

    def of(self, execution_id: str) -> tuple[Delivery, ...]:
        """All of an execution's, in the order of their events."""
        ...

    def page(
        self, wanted: DeliveryFilter, after: Position | None, limit: int
    ) -> tuple[Delivery, ...]:
        """Some of the deliveries that are meant, newest first."""
        ...

    def closed(
        self, wanted: DeliveryFilter, after: Position | None, limit: int
    ) -> tuple[Delivery, ...]:
        """Some of those that have ended, oldest first; unless asked for, none that arrived."""
        ...

    def attempts(self, delivery_id: str) -> tuple[DeliveryAttempt, ...]:
        """Every HTTP try of a delivery, in order."""
        ...

    def claim_due(
        self, endpoint_id: str, worker: str, now: datetime, lease: timedelta, limit: int
    ) -> tuple[Delivery, ...]:
        """Claim up to ``limit`` that are due at an endpoint and that nobody else holds."""
        ...

    def record(self, outcomes: Sequence[Outcome]) -> frozenset[str]:
        """Write what became of deliveries, with their attempts; returns the ids of those written.

        Nothing is written of a delivery whose version moved: the claim was lost.
        """
        ...

    def to_wake(self, now: datetime, limit: int) -> tuple[str, ...]:
        """Ids of endpoints that have something due which was not published, or too long ago.

        Endpoints that are quiet are left in peace.
        """
        ...

    def woken(self, endpoint_id: str, now: datetime) -> bool:
        """Note that what is due at the endpoint is being published again.

        False when nothing there waits for that any more: somebody else just did.
        """
        ...

    def purge(self, execution_id: str, limit: int) -> int:
        """Delete up to ``limit`` ended ones of an execution, with their attempts; returns how many.

        None while any of the execution's deliveries is still open.
        """
        ...


class DeliveryFigures(Protocol):
    """Figures about deliveries, computed in one reading transaction."""

    def counts(self) -> dict[tuple[str, DeliveryState], int]:
        """How many there are of each deployment in each state."""
        ...

    def oldest_due(self, now: datetime) -> datetime | None:
        """The time at which the delivery was due that has been due for longest."""
        ...

    def waiting(self, endpoint_ids: Sequence[str]) -> dict[str, int]:
        """How many wait at each of these endpoints; those where none waits are left out."""
        ...

    def tries(self, since: datetime) -> tuple[DeliveryAttempt, ...]:
        """The newest tries since then, 10,000 at most, without what was answered."""
        ...


class Nudges(Protocol):
    """Which endpoints have a drain on its way, in one transaction."""

    def add(self, endpoint_id: str, now: datetime) -> bool:
        """Note that a drain is to be published; False when one is on its way already.

        One that has been on its way for longer than ``NUDGE_HOLDS`` counts as lost.
        """
        ...

    def forget(self, endpoint_id: str) -> None:
        """A drain has begun: whoever commits something from now on has to nudge again."""
        ...


class Drains(Protocol):
    """The drains that are sending just now, each under a lease, in one transaction."""

    def others(self, drain_id: str, endpoint_id: str, host_id: str) -> OtherDrains:
        """How many other drains there are, where this one would send."""
        ...

    def hold(
        self, drain_id: str, endpoint_id: str, host_id: str, lease: timedelta, *, doubtful: bool
    ) -> None:
        """Say that a drain sends, for that long after now by the database's clock."""
        ...

    def end(self, drain_id: str) -> None:
        """A drain has ended."""
        ...

    def lapsed(self) -> tuple[str, ...]:
        """The ids of the endpoints at which a drain's lease has ended: its worker is gone."""
        ...

    def forget_lapsed(self) -> None:
        """Forget those drains."""
        ...


class Hosts(Protocol):
    """The hosts that receivers are at, and how they do, in one transaction."""

    def lock(self, host_id: str) -> Host:
        """Read and hold the row; a host that nobody asked for before is a sound one."""
        ...

    def save(self, host: Host) -> None:
        """Write the row that is held."""
        ...


class Endpoints(Protocol):
    """The receivers of webhooks, in one transaction. URLs and credentials are kept encrypted."""

    def ensure(
        self, deployment: str, url: str, authentication: Authentication | None, at: datetime
    ) -> str:
        """Return the id of this endpoint; insert it on first use."""
        ...

    def get(self, endpoint_id: str) -> Endpoint | None:
        """Read and decrypt."""
        ...

    def lock(self, endpoint_id: str) -> Endpoint | None:
        """Read, decrypt, and hold the row until the transaction ends."""
        ...

    def save(self, before: Endpoint, after: Endpoint) -> Endpoint:
        """Write over the version of ``before``: its state, health and settings.

        Raises StaleWrite as executions do.
        """
        ...

    def page(
        self, deployment: str | None, after: Position | None, limit: int
    ) -> tuple[Endpoint, ...]:
        """Some of the endpoints of a deployment, or of all, newest first."""
        ...

    def rested(self, now: datetime, limit: int) -> tuple[str, ...]:
        """Ids of endpoints whose time to be left in peace is over."""
        ...

    def add_secret(self, secret: SigningSecret) -> None:
        """Insert, encrypted. Without an endpoint's id it is the whole deployment's."""
        ...

    def retire_secrets(self, deployment: str, endpoint_id: str | None, at: datetime) -> None:
        """Have the live secrets of this endpoint, or of the deployment itself, end at that time."""
        ...

    def secrets(self, endpoint: Endpoint, now: datetime) -> tuple[str, ...]:
        """What signs for an endpoint now: its own and its deployment's, each the newest first."""
        ...


class Timeline(Protocol):
    """The timelines, in one transaction. Append-only."""

    def add(self, entries: Sequence[Entry]) -> None:
        """Append, in this order."""
        ...

    def of(self, execution_id: str) -> tuple[Entry, ...]:
        """All entries of an execution, in order."""
        ...

    def newest(self) -> int:
        """The highest number of all, 0 where there is none."""
        ...

    def beyond(self, number: int, limit: int) -> tuple[Entry, ...]:
        """Entries of all executions with a higher number, in order."""
        ...


class Manifests(Protocol):
    """The manifests and plans, in one transaction."""

    def put(self, manifest: Manifest) -> None:
        """Replace the deployment's manifest; keep its plan for ever."""
        ...

    def get(self, deployment: str) -> Manifest | None:
        """The newest one."""
        ...

    def plan(self, digest: str) -> Plan | None:
        """The plan with that digest, as some manifest once had it."""
        ...


class Tokens(Protocol):
    """The API tokens, in one transaction."""

    def add(self, token: Token) -> None:
        """Insert; a token with the same hash is left as it is."""
        ...

    def by_hash(self, hashed: str) -> Token | None:
        """The token whose secret has this hash."""
        ...

    def all(self) -> tuple[Token, ...]:
        """Every token, oldest first."""
        ...

    def revoke(self, token_id: str, at: datetime) -> bool:
        """End a token; False when there is no live one with that id."""
        ...


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a call with an idempotency key was answered, and the digest of its body."""

    body_digest: str
    answer: JsonObject


class Keys(Protocol):
    """The idempotency keys, in one transaction."""

    def get(self, deployment: str, call: str, key: str) -> KeptAnswer | None:
        """What the key was used for, None if it is new."""
        ...

    def put(self, deployment: str, call: str, key: str, kept: KeptAnswer, at: datetime) -> None:
        """Keep an answer. Raises StaleWrite when another transaction used the key meanwhile."""
        ...


class IntakeState:
    """What became of a message."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    WAITING = "WAITING"


@dataclass(frozen=True, slots=True)
class IntakeMessage:
    """One message of a producer: what it asked for, and what became of it."""

    id: str
    job: str
    deployment: str
    body: JsonObject
    state: str
    reason: str | None
    execution_id: str | None
    received_at: datetime


class Intake(Protocol):
    """The messages of producers, in one transaction."""

    def get(self, message_id: str) -> IntakeMessage | None:
        """What became of a message, None if it is new."""
        ...

    def put(self, message: IntakeMessage) -> None:
        """Insert or replace."""
        ...

    def waiting(self, limit: int) -> tuple[IntakeMessage, ...]:
        """Messages whose deployment was not ready yet, oldest first."""
        ...


class Workers(Protocol):
    """The worker processes that were seen lately, in one transaction."""

    def seen(self, name: str, queues: Sequence[str]) -> None:
        """Note, by the database's clock, that a worker is alive and consumes these queues."""
        ...

    def gone(self, name: str) -> None:
        """Forget a worker that ended."""
        ...

    def consuming(self, queue: str, within: timedelta) -> tuple[str, ...]:
        """Names of the workers seen on this queue within that time."""
        ...


class Figures(Protocol):
    """What operators count, in one transaction."""

    def executions(self) -> tuple[StateCount, ...]:
        """The executions by deployment and state."""
        ...

    def open_reviews(self) -> tuple[Waiting, ...]:
        """The reviews that wait for a person, by deployment."""
        ...

    def due_task_runs(self, now: datetime) -> tuple[Waiting, ...]:
        """The task runs that wait for a worker, by deployment; ``since`` is when one was due."""
        ...

    def tasks(self) -> tuple[TaskFigures, ...]:
        """How long the runs of each task took, and how often they were tried again."""
        ...

    def troubled(self, limit: int) -> tuple[TaskRun, ...]:
        """Open task runs whose last attempt failed."""
        ...


class Transaction(Protocol):
    """One transaction: what is done through it happens together or not at all."""

    executions: Executions
    task_runs: TaskRuns
    outputs: Outputs
    checkpoints: Checkpoints
    reviews: Reviews
    deliveries: Deliveries
    delivery_figures: DeliveryFigures
    nudges: Nudges
    drains: Drains
    hosts: Hosts
    endpoints: Endpoints
    timeline: Timeline
    manifests: Manifests
    tokens: Tokens
    keys: Keys
    intake: Intake
    workers: Workers
    figures: Figures

    def now(self) -> datetime:
        """The time by the database's clock: what leases are measured against."""
        ...

    def publish(self, job: Job) -> None:
        """Have a job sent once this transaction is committed, and not otherwise."""
        ...


class Store(Protocol):
    """The database."""

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Do the work in one transaction that may write, and return what it returned.

        The work may be called several times: a StaleWrite or a busy database rolls back and begins
        again, a bounded number of times. After the commit the jobs that it asked for are published;
        a broker that is away does not undo the commit (the sweep publishes again).
        """
        ...

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Do the work in one transaction that only reads, and does not keep writers waiting."""
        ...

    def dispose(self) -> None:
        """Close the connections; the next use opens new ones."""
        ...


class Deployments(Protocol):
    """The deployments that the operator declared."""

    def get(self, name: str) -> Deployment:
        """Raises UnknownDeployment."""
        ...

    def names(self) -> tuple[str, ...]:
        """All of them."""
        ...

    def default(self) -> str | None:
        """The one that the root of the host serves, None where that is not clear."""
        ...


def untraced(_execution_id: str) -> str | None:
    """What is noted of traces where there are none."""
    return None


@dataclass(frozen=True, slots=True)
class Ports:
    """The world, as the use cases see it. Only ``wiring`` builds one.

    ``crash_point`` is called with the name of a place where a crash would hurt; production does
    nothing there. ``public_url`` is how clients reach the API, without a slash at its end.
    ``keep_finished`` is for how long the deliveries and outputs of finished executions are kept,
    None for ever. ``trace`` notes on the current span which execution it is about, and gives the
    ``traceparent`` by which others go on from it, None where nobody traces.
    """

    store: Store
    deployments: Deployments
    clock: Clock
    ids: Ids
    chance: Chance
    sender: Sender
    signer: Signer
    runners: Mapping[str, Runner]
    crash_point: Callable[[str], None]
    public_url: str | None = None
    send_limits: SendLimits = field(default_factory=SendLimits)
    keep_finished: timedelta | None = None
    trace: Callable[[str], str | None] = untraced

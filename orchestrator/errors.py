"""Every error this project raises on purpose, as one tree.

::

    OrchestratorError
    ├── Invalid                   the request cannot be carried out as it is written
    │   ├── MissingInputs         kickoff lacks inputs that the crew needs
    │   └── KeyReused             an idempotency key came back with another body
    ├── Malformed                 the request's body is not JSON
    ├── TooLarge                  the request's body is over the limit
    ├── Unauthorized              no token, or not one for this deployment
    ├── InvalidResponseToken      the callback of a notice was called with another token
    ├── NotFound
    │   ├── UnknownDeployment
    │   ├── UnknownExecution
    │   ├── UnknownTask
    │   ├── UnknownTaskRun
    │   ├── UnknownReview
    │   ├── UnknownCheckpoint
    │   ├── UnknownEndpoint
    │   └── UnknownDelivery
    ├── NotPending                nothing waits for the answer that was given
    ├── AlreadyAnswered           another decision won this review
    ├── NotEntitled               this person may not decide, or not do this, in that review
    ├── AlreadyRead               a run was given the words that were to be taken back
    ├── OutputChanged             the output is no longer the one that was reviewed
    ├── NotReplayable             the delivery is still being tried
    ├── CannotStop                the execution has ended already
    ├── CannotRetry               the execution has not failed, or cannot go on
    ├── CannotRewind              the execution cannot go on from that checkpoint, nor a fork of it
    ├── DeploymentBroken          the user's code does not load
    ├── DeploymentNotReady        no crew worker has loaded the deployment yet
    ├── TaskFailed                a task could not be run; says whether trying again helps
    │   └── OutOfTime             or was ended at its time limit
    ├── ClaimLost                 the result came from a run that no longer holds its task run
    ├── Unreadable                what is stored is damaged or gone
    │   └── UnreadableHere        or another process of the service can read it
    │       ├── WrittenByNewer    since a newer version wrote it
    │       └── Sealed            since it is encrypted with a key that this process does not have
    ├── SecretKeyMissing          what is stored was encrypted with a key that was not given
    ├── IllegalTransition         a state machine has no such edge
    ├── Transient                 nothing is wrong with what was asked: it may succeed in a moment
    │   ├── StaleWrite            a row's version moved: load and decide again
    │   ├── DatabaseAway          the database cannot be reached or used
    │   ├── NotMigrated           the database has no tables, or those of an older version
    │   └── Overloaded            more requests came than can wait for their turn
    ├── BlockedAddress            an outgoing request to an address that is not allowed
    ├── InvalidSettings           an environment variable or the deployment file cannot be used
    ├── CannotBackUp              no whole copy of the database came about
    ├── CannotRestore             the service runs, or what is to be restored is no whole backup
    ├── AlreadyRunning            another process holds the data folder
    ├── AddressInUse              the API or Flower cannot listen where it should
    ├── BrokerFailed              the embedded broker does not start
    ├── MailboxAway               the mailbox that replies come to cannot be read
    └── CannotLookUp              the DNS does not answer

The docstring of an error is its default message. What each means over HTTP stands in
``orchestrator/api/common/errors.py``.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Iterator, Mapping
from typing import Any

FOREIGN = (Exception, SystemExit, KeyboardInterrupt, GeneratorExit, CancelledError)
"""What a runner may end with: ``sys.exit()`` in users' code is a failure like any other.

What else users' code raises, the runners turn into TaskFailed.
"""

LONGEST_CAUSE = 500
"""Characters of a foreign error that are told."""


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it, the latest first; such chains can be circles."""
    met: set[int] = set()
    while error is not None and id(error) not in met:
        yield error
        met.add(id(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def timed_out(error: BaseException) -> bool:
    """Whether time ran out, at whatever stage."""
    return any(isinstance(each, TimeoutError) for each in causes(error))


def cause(error: BaseException) -> str:
    """What a foreign error says, on one line, bounded, without a stack trace."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - its ``__str__`` is foreign code too
        text = ""
    if isinstance(error, ModuleNotFoundError) and text:
        return text
    sentence = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return sentence if len(sentence) <= LONGEST_CAUSE else sentence[: LONGEST_CAUSE - 1] + "…"


class OrchestratorError(Exception):
    """Something went wrong in Crew Orchestrator."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())

    @property
    def message(self) -> str:
        """The sentence for whoever caused or has to mend it."""
        return str(self.args[0])


class Invalid(OrchestratorError):
    """The request is not valid.

    ``details`` maps the names of the fields at fault to what is wrong with each.
    """

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.details: Mapping[str, Any] = details or {}


class MissingInputs(Invalid):
    """The crew needs inputs that kickoff did not give; in a batch, ``place`` says which one's."""

    def __init__(self, missing: tuple[str, ...], place: int | None = None) -> None:
        where = "'inputs'" if place is None else f"'inputs[{place}]'"
        super().__init__(
            f"Missing required inputs: {', '.join(missing)}. Add them to {where}.",
            {"missing_inputs": list(missing)},
        )
        self.missing = missing

    def at(self, place: int) -> MissingInputs:
        """The same of one of a batch's inputs, counted from 0."""
        return MissingInputs(self.missing, place)


class KeyReused(Invalid):
    """An idempotency key was used before with another body."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"Idempotency key {key!r} was already used with a different body. "
            "Use a new key for a new request.",
            {"Idempotency-Key": "used before with a different body"},
        )


class Malformed(OrchestratorError):
    """The request's body is not valid JSON."""


class TooLarge(OrchestratorError):
    """The request's body is over the limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is larger than the {limit} bytes that are accepted.")


class Unauthorized(OrchestratorError):
    """Invalid or missing bearer token"""


class InvalidResponseToken(OrchestratorError):
    """Invalid response token"""


class NotFound(OrchestratorError):
    """There is nothing by that name."""


class UnknownDeployment(NotFound):
    """No deployment has that name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        known_names = ", ".join(sorted(known)) or "none"
        super().__init__(f"No deployment named {name!r}. Known deployments: {known_names}")


class UnknownExecution(NotFound):
    """No execution has that id."""

    def __init__(self, execution_id: str) -> None:
        super().__init__(f"No execution found with ID: {execution_id}")


class UnknownTask(NotFound):
    """The execution has no task or review by that name."""

    def __init__(self, task: str, known: tuple[str, ...]) -> None:
        super().__init__(
            f"No task or review {task!r} in this execution. Its tasks: {', '.join(known)}"
        )


class UnknownTaskRun(NotFound):
    """The execution has no run with that id."""

    def __init__(self, task_run_id: str) -> None:
        super().__init__(f"The execution has no task run with ID: {task_run_id}")


class UnknownReview(NotFound):
    """The execution has no review with that id."""

    def __init__(self, review_id: str) -> None:
        super().__init__(f"No review found with ID: {review_id}")


class UnknownCheckpoint(NotFound):
    """The execution has no checkpoint with that number."""

    def __init__(self, number: int, last: int) -> None:
        known = f"They go from 1 to {last}; 0 is its beginning" if last else "It has none yet"
        super().__init__(f"No checkpoint {number} in this execution. {known}.")


class UnknownEndpoint(NotFound):
    """No endpoint has that id."""

    def __init__(self, endpoint_id: str) -> None:
        super().__init__(f"No endpoint found with ID: {endpoint_id}")


class UnknownDelivery(NotFound):
    """No delivery has that id."""

    def __init__(self, delivery_id: str) -> None:
        super().__init__(f"No delivery found with ID: {delivery_id}")


class NotReplayable(OrchestratorError):
    """The delivery has not ended."""

    def __init__(self, state: str) -> None:
        super().__init__(f"The delivery is still being tried (it is {state}): nothing to replay.")


class NotPending(OrchestratorError):
    """Execution is not in pending human input state

    ``winner`` describes the decision that closed the last review of the task, where there was one.
    """

    def __init__(self, winner: Mapping[str, Any] | None = None) -> None:
        super().__init__("Execution is not in pending human input state")
        self.winner = winner


class AlreadyAnswered(OrchestratorError):
    """The review has its one decision already; ``winner`` describes it."""

    def __init__(self, message: str, winner: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.winner = winner


class NotEntitled(OrchestratorError):
    """This person may not decide in this review; the message says why."""


class AlreadyRead(OrchestratorError):
    """A run was given these words already; ``reader`` says which."""

    def __init__(self, message: str, reader: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.reader = reader


class OutputChanged(OrchestratorError):
    """The output is no longer the one that was reviewed. Read it again, then answer."""


class CannotStop(OrchestratorError):
    """The execution has ended; ``state`` is the word that the wire has for how."""

    def __init__(self, state: str) -> None:
        super().__init__(f"Cannot stop execution. Current state: {state}")
        self.state = state


class CannotRetry(OrchestratorError):
    """The execution has not failed, or there is nothing left to go on from."""


class CannotRewind(OrchestratorError):
    """The execution cannot go on from that checkpoint."""


class DeploymentBroken(OrchestratorError):
    """The deployment's code does not load."""


class DeploymentNotReady(OrchestratorError):
    """No crew worker has loaded the deployment yet."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"No crew worker has loaded deployment {name!r} yet. "
            "Start one (celery -A workers.app worker -Q crews), or try again shortly."
        )


class TaskFailed(OrchestratorError):
    """A task could not be run.

    ``retryable`` is False where another run would fail in the same way.
    """

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class OutOfTime(TaskFailed):
    """A task was ended at its time limit: that says nothing of what it had been answered."""


class ClaimLost(OrchestratorError):
    """Another run holds the task run, or it was withdrawn: this result is refused."""


class Unreadable(OrchestratorError):
    """What is stored is damaged or gone: nothing can go on from it."""


class UnreadableHere(Unreadable):
    """This process cannot read what is stored, another one can: nothing is lost meanwhile."""


class WrittenByNewer(UnreadableHere):
    """A newer version wrote what is stored: processes of that version can read it."""

    def __init__(self, what: str, found: object, known: int) -> None:
        super().__init__(
            f"{what} has format {found}, and this version reads formats up to {known}: a newer "
            "version of Crew Orchestrator wrote it. Upgrade every process"
        )


class Sealed(UnreadableHere):
    """What is stored was encrypted with a key that this process does not have."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} was encrypted with a secret key that is not among those of "
            "ORCHESTRATOR_SECRET_KEY. Put that key back, then restart every process"
        )


class SecretKeyMissing(OrchestratorError):
    """Encrypted with a secret key that is not among those of ORCHESTRATOR_SECRET_KEY"""


class IllegalTransition(OrchestratorError):
    """The state machine has no such edge."""


class Transient(OrchestratorError):
    """This could not be done just now. Try again shortly."""


class StaleWrite(Transient):
    """The row was changed since it was read. Try again shortly."""


class DatabaseAway(Transient):
    """The database cannot be used just now. Try again shortly.

    Its ``__cause__`` is what the driver said; clients are not told that.
    """

    def __init__(self) -> None:
        super().__init__("The database cannot be used just now. Try again shortly.")


class NotMigrated(Transient):
    """The database has no tables, or those of an older version, until somebody migrates it."""

    def __init__(self, found: str | None, needed: str) -> None:
        super().__init__(
            f"The database is at revision {found or 'none'}, this version needs {needed}. "
            "Run: orchestrator migrate"
        )


class Overloaded(Transient):
    """More requests came at once than can wait for their turn. Try again shortly."""


class BlockedAddress(OrchestratorError):
    """The address is not one that webhooks may be sent to."""


class InvalidSettings(OrchestratorError):
    """What the operator set cannot be used; the message names the variable, or file and key."""


class CannotLookUp(OrchestratorError):
    """DNS does not answer."""

    def __init__(self, name: str, kind: str, why: str) -> None:
        super().__init__(f"DNS does not say what {kind} records {name} has ({why}).")


class CannotBackUp(OrchestratorError):
    """The database could not be copied."""


class CannotRestore(OrchestratorError):
    """The database was left as it is."""


class AlreadyRunning(OrchestratorError):
    """Another process holds the data folder."""


class BrokerFailed(OrchestratorError):
    """The embedded broker does not start."""


class AddressInUse(OrchestratorError):
    """The API or Flower cannot listen on the address that it was given."""

    def __init__(self, host: str, port: int, why: str, option: str = "--port") -> None:
        super().__init__(f"Cannot listen on {host}:{port}: {why}. Choose another with {option}.")


class MailboxAway(OrchestratorError):
    """The mailbox that replies come to cannot be read."""

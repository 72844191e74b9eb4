"""Fork an execution: a new one begins with the checkpoint of another, and goes its own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.checkpoint import Cause, Checkpoint, as_of, moment_of
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.feedback import Feedback
from orchestrator.domain.output import EDITS_FIT, Output
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.domain.plan import Plan, TaskKind
from orchestrator.domain.review import Review
from orchestrator.errors import CannotRewind, Invalid
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.advance import begin_due_tasks
from orchestrator.usecases.executions.ask_again import ask_again
from orchestrator.usecases.executions.inherit import Before, inherited
from orchestrator.usecases.executions.kickoff import require_inputs
from orchestrator.usecases.executions.locked_execution import LockedExecution, lock_execution
from orchestrator.usecases.executions.migrate import migrate_to_deployed
from orchestrator.usecases.executions.rewind import require_checkpoint
from orchestrator.usecases.executions.snapshot import readable
from orchestrator.usecases.idempotency import IdempotencyKey, idempotent
from orchestrator.usecases.reviews.unasked import answered_unasked, decided
from orchestrator.usecases.webhooks.stream_events import emit_started
from orchestrator.wire.inputs import require_fitting_output
from orchestrator.wire.requests import ForkBody

_OF_INPUTS = (TaskKind.BEFORE_KICKOFF, TaskKind.PLANNING)
"""What a crew makes of its inputs before its own tasks run."""


@dataclass(frozen=True, slots=True)
class Fork:
    """What a person asks for. ``scope`` is where they may.

    ``identity`` is the address of the person whose credentials these are, where they are one
    person's alone.
    """

    execution_id: str
    body: ForkBody
    actor: str
    origin: str
    scope: Scope = EVERYWHERE
    key: IdempotencyKey | None = None
    identity: str | None = None


def fork(ports: Ports, asked: Fork) -> JsonObject:
    """Begin a new execution with what stood at a checkpoint, whatever became of it since.

    Returns ``{"execution_id", "forked_from", "checkpoint"}``. An edited output that had been
    reviewed is put before a person again: an approval is of one output alone. Raises
    UnknownExecution, UnknownCheckpoint, UnknownDeployment, KeyReused, MissingInputs; CannotRewind
    for what was purged; Invalid for what the checkpoint does not take.
    """

    def once(tx: Transaction) -> JsonObject:
        deployment = readable(tx, asked.execution_id, asked.scope).deployment
        return idempotent(
            ports, tx, (deployment, "fork"), asked.key, lambda: _begin(ports, tx, asked)
        )

    return ports.store.transact(once)


def _begin(ports: Ports, tx: Transaction, asked: Fork) -> JsonObject:
    first = lock_execution(ports, tx, asked.execution_id, asked.actor)
    ports.deployments.get(first.execution.deployment)
    if first.execution.purged_at is not None:
        raise CannotRewind("Its outputs were purged: kick off a new one.")
    require_checkpoint(first.all_checkpoints, asked.body.checkpoint)
    branch = _Branch(first, asked)
    tx.executions.add(branch.execution)
    branch.change()
    _write(ports, tx, branch)
    return {
        "execution_id": branch.execution.id,
        "forked_from": first.execution.id,
        "checkpoint": asked.body.checkpoint,
    }


def _write(ports: Ports, tx: Transaction, branch: _Branch) -> None:
    """Write what the fork inherits, and have it go on from there."""
    plan = branch.plan
    reviews = tx.reviews.get([each.review_id for each in branch.entries if each.review_id])
    runs = tx.task_runs.of(str(branch.execution.forked_from))
    asked = tx.recipients.of(list(reviews))
    before = Before(branch.entries, runs, reviews | branch.told, asked, branch.edited)
    _take_words_along(tx, branch, [reviews[str(id_)] for id_ in before.answered - set(branch.told)])
    legacy = inherited(ports, branch.execution, before, is_flow=plan.is_flow)
    tx.outputs.share(legacy.shared, branch.execution.id)
    tx.task_runs.add(legacy.runs)
    for review in legacy.reviews:
        tx.reviews.add(review)
    tx.recipients.add_votes(legacy.votes)
    for entry in legacy.entries:
        tx.checkpoints.add(entry)
    begun = replace(branch.execution, checkpoints=len(legacy.entries))
    locked = LockedExecution(ports, tx, branch.execution, branch.execution.actor, begun.created_at)
    locked.execution = begun
    _record(locked, branch.body)
    if legacy.entries:
        locked.transition("start", locked.execution.start(locked.now))
        emit_started(locked)
        migrate_to_deployed(locked)
    ask_again(locked)
    begin_due_tasks(locked, locked.plan, resumes=True)
    locked.close()


def _record(locked: LockedExecution, body: ForkBody) -> None:
    """The timeline begins with where the fork is from, and what it has otherwise."""
    begun, words = locked.execution, body.human_feedback
    locked.record(
        "execution.create",
        begun.id,
        origin=begun.origin,
        forked_from=begun.forked_from,
        checkpoint=begun.forked_at,
        feedback=words if words.strip() else None,
        reviewer=body.reviewer,
        edited=body.edited_output is not None or None,
        inputs=None if body.inputs is None else sorted(body.inputs),
    )


def _take_words_along(tx: Transaction, branch: _Branch, answered: Sequence[Review]) -> None:
    """The fork has the words as well: in the first execution they cannot be taken back any more."""
    for review in answered:
        if review.words and review.read_by is None:
            tx.reviews.save(review, review.read(branch.execution.id))


@dataclass
class _Branch:
    """The first execution at the checkpoint, and what the fork has otherwise."""

    first: LockedExecution
    asked: Fork
    entries: tuple[Checkpoint, ...] = ()
    edited: dict[str, str] = field(default_factory=dict)
    told: dict[str, Review] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.plan: Plan = self.first.plan
        self.body = self.asked.body
        checkpoints: Sequence[Checkpoint] = self.first.all_checkpoints
        self._number = moment_of(checkpoints, self.body.checkpoint)
        self.entries = as_of(checkpoints, self._number)
        self._is_flow = self.plan.is_flow
        self._refuse_what_is_not_taken()
        self.execution = self._new_execution()

    @property
    def _last(self) -> Checkpoint | None:
        """The checkpoint itself; None for the beginning, and where it is a change of others."""
        return next((each for each in self.entries if each.number == self._number), None)

    def _new_execution(self) -> Execution:
        first = self.first.execution
        return Execution(
            id=self.first.ports.ids.new(),
            deployment=first.deployment,
            state=ExecutionState.QUEUED,
            version=1,
            origin=self.asked.origin,
            actor=self.asked.actor,
            plan_digest=first.plan_digest,
            inputs={**first.inputs, **(self.body.inputs or {})},
            meta=first.meta,
            subscriptions=first.subscriptions,
            carry_webhooks=first.carry_webhooks,
            created_at=self.first.now,
            forked_from=first.id,
            forked_at=self.body.checkpoint,
            requester=self.asked.identity or first.requester,
        )

    def _refuse_what_is_not_taken(self) -> None:
        """Raises Invalid, MissingInputs."""
        body, last = self.body, self._last
        if body.inputs is not None:
            require_inputs(self.plan, {**self.first.execution.inputs, **body.inputs})
            if any(each.state is not None for each in self.entries):
                message = (
                    "The steps before this checkpoint made the flow's state of the inputs that it "
                    "had: fork from checkpoint 0, which is its beginning, or kick off a new one."
                )
                raise Invalid(message, {"inputs": "only from checkpoint 0 of this flow"})
        if body.human_feedback.strip() and self._is_flow:
            message = (
                "A flow hears words in its reviews only: fork from the checkpoint where it asks, "
                "and answer the review of the fork."
            )
            raise Invalid(message, {"human_feedback": "this is a flow"})
        if body.edited_output is None:
            return
        if last is None or last.output_id is None:
            message = f"Checkpoint {body.checkpoint} has no output that could be edited."
            raise Invalid(message, {"edited_output": "the checkpoint has no output"})
        if body.human_feedback.strip() and last.cause is Cause.ASK:
            message = "Edit the output that is asked about, or say what has to change; not both."
            raise Invalid(message, {"human_feedback": "not with edited_output at a question"})

    def change(self) -> None:
        """Do what the body says. The execution has been written: outputs refer to it."""
        if self.body.inputs is not None and not self._is_flow:
            self.entries = tuple(each for each in self.entries if not self._is_of_inputs(each))
        if self.body.edited_output is not None and self._last is not None:
            self._edit(self._last, self.body.edited_output)
        if self.body.human_feedback.strip():
            self._tell(self.body.human_feedback)

    def _is_of_inputs(self, entry: Checkpoint) -> bool:
        plan = self.plan
        return plan.is_task(entry.path) and plan.task(entry.path).kind in _OF_INPUTS

    def _edit(self, last: Checkpoint, text: str) -> None:
        """Put the text in the output's place; before a person, where the output was judged."""
        asks = [e for e in self.entries if e.path == last.path and e.cause is Cause.ASK]
        replaced = asks[-1] if asks else last
        output_id = str(replaced.output_id)
        output = self.first.tx.outputs.one(output_id)
        if self._is_flow and not asks and output.extra:
            message = (
                f"What '{last.name}' gave is more than text or data: edit it in a review, or fork "
                "from the checkpoint before and have the step run again."
            )
            raise Invalid(message, {"edited_output": "this output cannot be edited"})
        rewritten = output.edited(text)
        require_fitting_output(output.extra.get(EDITS_FIT), rewritten)
        own_id = self._store(rewritten)
        self.edited[output_id] = own_id
        self.entries = tuple(
            replace(each, output_id=own_id) if each.number == replaced.number else each
            for each in self.entries
            if each.path != last.path or each.number <= replaced.number
        )

    def _store(self, output: Output) -> str:
        output_id = self.first.ports.ids.new()
        self.first.tx.outputs.add(output_id, self.execution.id, output, self.first.now)
        return output_id

    def _tell(self, words: str) -> None:
        """Add the words as an answer: to the question that is open, or to one that nobody asked."""
        last = self.entries[-1] if self.entries else None
        feedback = Feedback(
            words, self.asked.actor, self.asked.origin, self.body.reviewer, approved=False
        )
        tx, now = self.first.tx, self.first.now
        if last is not None and last.cause is Cause.ASK:
            review_id = str(last.review_id)
            review = decided(tx.reviews.get([review_id])[review_id], feedback, now)
        elif last is not None and last.cause is Cause.COMMIT:
            review = self._unasked(last.path, last.name, str(last.output_id), feedback)
        else:
            own_id = self._store(Output(""))
            self.edited[own_id] = own_id
            review = self._unasked("", "", own_id, feedback)
        self.told[review.id] = review
        answer = Checkpoint(
            id=self.first.ports.ids.new(),
            execution_id=self.execution.id,
            number=self._number + 1,
            plan_digest=self.execution.plan_digest,
            cause=Cause.ANSWER,
            path=review.path,
            created_at=now,
            name=review.task_name,
            review_id=review.id,
        )
        self.entries = (*self.entries, answer)

    def _unasked(self, path: str, name: str, output_id: str, feedback: Feedback) -> Review:
        """Words about a final output, or about none: they judge nothing."""
        runs = self.first.tx.task_runs.of(self.first.execution.id)
        run = next((each for each in runs if each.output_id == output_id), None)
        review = answered_unasked(
            self.first, path, name, output_id, replace(feedback, approved=None)
        )
        if run is None:
            return review
        return replace(review, task_run_id=run.id, round=run.round)

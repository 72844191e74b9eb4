"""What a fork has from the execution that it begins with: checkpoints, and what they refer to.

Task runs and reviews are copied, so that nothing which later happens to the first execution, or is
purged of it, reaches the fork. Outputs are shared: they are large, and never change.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.domain.checkpoint import Cause, Checkpoint
from orchestrator.domain.execution import Execution
from orchestrator.domain.recipient import Recipient, RecipientState
from orchestrator.domain.review import Review, ReviewState
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.ports import Ports
from orchestrator.usecases.executions.history import committed_outputs


@dataclass(frozen=True, slots=True)
class Before:
    """What stood at the checkpoint of the first execution.

    ``edited`` are the ids of outputs that are the fork's own, by those that they stand in for; the
    entries have them already. ``reviews`` are by id, and as they were decided then; ``asked`` are
    the people who were asked in these.
    """

    entries: Sequence[Checkpoint]
    runs: Sequence[TaskRun]
    reviews: Mapping[str, Review]
    asked: Sequence[Recipient]
    edited: Mapping[str, str]

    @property
    def answered(self) -> set[str | None]:
        """The ids of the reviews that had their decision."""
        return {each.review_id for each in self.entries if each.cause is Cause.ANSWER}


@dataclass(frozen=True, slots=True)
class Inheritance:
    """The same as the fork has it.

    ``votes`` are of those who decided; ``shared`` are the ids of the outputs that are not its own.
    """

    entries: tuple[Checkpoint, ...]
    runs: tuple[TaskRun, ...]
    reviews: tuple[Review, ...]
    votes: tuple[Recipient, ...]
    shared: tuple[str, ...]


def inherited(ports: Ports, fork: Execution, before: Before, *, is_flow: bool) -> Inheritance:
    """Make the fork's copies of what stood at the checkpoint, with ids of their own."""
    runs = {
        run.id: _copied_run(ports.ids.new(), fork, before, run, is_flow=is_flow)
        for run in before.runs
        if _counts(run, before)
    }
    asked = {each.review_id: each.output_id for each in before.entries if each.cause is Cause.ASK}
    reviews = {
        id_: _copied_review(
            replace(review, output_id=asked.get(id_) or review.output_id),
            ports.ids.new(),
            fork,
            runs,
            is_answered=id_ in before.answered,
        )
        for id_, review in before.reviews.items()
    }
    entries = tuple(
        replace(
            each,
            id=ports.ids.new(),
            execution_id=fork.id,
            number=number,
            plan_digest=fork.plan_digest,
            review_id=reviews[each.review_id].id if each.review_id else None,
            usage={},
        )
        for number, each in enumerate(before.entries, 1)
    )
    votes = tuple(
        _copied_vote(each, ports.ids.new(), reviews[each.review_id])
        for each in before.asked
        if each.review_id in before.answered and each.state is RecipientState.VOTED
    )
    return Inheritance(
        entries,
        tuple(runs.values()),
        tuple(reviews.values()),
        votes,
        _shared(entries, tuple(reviews.values()), set(before.edited.values())),
    )


def _shared(
    entries: Sequence[Checkpoint], reviews: Sequence[Review], own: Container[str]
) -> tuple[str, ...]:
    found = [each.output_id for each in entries]
    found += [id_ for each in reviews for id_ in (each.output_id, each.edited_output_id)]
    return tuple(id_ for id_ in dict.fromkeys(found) if id_ and id_ not in own)


def _output_of(run: TaskRun, before: Before) -> str | None:
    return before.edited.get(run.output_id or "", run.output_id)


def _is_final(run: TaskRun, before: Before) -> bool:
    return _output_of(run, before) in committed_outputs(before.entries).values()


def _counts(run: TaskRun, before: Before) -> bool:
    """Whether its output was final, or a person had been asked about it."""
    asked_by = {each.task_run_id for each in before.reviews.values()}
    return run.id in asked_by or _is_final(run, before)


def _copied_review(
    review: Review,
    id_: str,
    fork: Execution,
    runs: Mapping[str, TaskRun],
    *,
    is_answered: bool,
) -> Review:
    """A review with its decision; one that had none then is withdrawn, to be asked again."""
    run = runs.get(review.task_run_id)
    copy = replace(
        review,
        id=id_,
        execution_id=fork.id,
        task_run_id=run.id if run else review.task_run_id,
        version=1,
        expires_at=None,
        weighing=False,
        note=None,
        token_hash=None,
        read_by=None,
        passed_on_as=None,
    )
    if is_answered:
        return copy
    return replace(
        copy,
        state=ReviewState.WITHDRAWN,
        closed_at=fork.created_at,
        actor=fork.actor,
        approved=None,
        outcome=None,
        words=None,
        edited_output_id=None,
        channel=None,
        reviewer=None,
    )


def _copied_vote(recipient: Recipient, id_: str, review: Review) -> Recipient:
    """Four eyes look for it. It cannot be cast again: its mail is the first execution's."""
    return replace(
        recipient,
        id=id_,
        review_id=review.id,
        execution_id=review.execution_id,
        version=1,
        token_hash=None,
        trouble=None,
        snoozed_until=None,
    )


def _copied_run(
    id_: str, fork: Execution, before: Before, run: TaskRun, *, is_flow: bool
) -> TaskRun:
    """The run in its state of then, without what it cost: that is the first execution's."""
    return replace(
        run,
        id=id_,
        execution_id=fork.id,
        state=_state_then(run, before, is_flow=is_flow),
        version=1,
        output_id=_output_of(run, before),
        attempts=0,
        claimed_by=None,
        lease_until=None,
        finished_at=run.finished_at or fork.created_at,
        usage=None,
        saved=None,
        execution_time=None,
        error=None,
        trace=None,
        current_step=None,
    )


def _state_then(run: TaskRun, before: Before, *, is_flow: bool) -> TaskRunState:
    """Its state; WITHDRAWN where a person has yet to be asked again about its output."""
    if _is_final(run, before):
        return TaskRunState.COMMITTED
    if is_flow:
        return TaskRunState.HALTED
    rejected = {before.reviews[str(id_)].task_run_id for id_ in before.answered}
    return TaskRunState.REJECTED if run.id in rejected else TaskRunState.WITHDRAWN

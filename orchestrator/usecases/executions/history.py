"""What is committed, asked and answered in an execution: read from its checkpoints, here only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter

from orchestrator.domain.checkpoint import Cause, Checkpoint
from orchestrator.domain.history import Answered, Asked, Committed, Cut, Entry
from orchestrator.domain.output import Output
from orchestrator.domain.review import Review
from orchestrator.usecases.executions.locked_execution import LockedExecution

_REVIEW = attrgetter("review_id")


def committed_outputs(checkpoints: Iterable[Checkpoint]) -> dict[str, str]:
    """The ids of the final outputs, by path, in the order in which they were committed."""
    commit = Cause.COMMIT  # to look it up for each takes as long as all else
    return {
        each.path: each.output_id for each in checkpoints if each.cause is commit and each.output_id
    }


def read_history(locked: LockedExecution, path: str) -> tuple[Entry, ...]:
    """The history as the runner of the task at ``path`` needs it.

    A task gets every final output and everybody's words, and of what was asked only its own: the
    outputs that people judged may be large, and concern nobody else. A flow gets all.
    """
    checkpoints = locked.checkpoints
    reviews: dict[str, Review] = {}
    wanted = set(committed_outputs(checkpoints).values())
    if any(map(_REVIEW, checkpoints)):
        reviews = {each.id: each for each in locked.reviews}
        own = [each for each in checkpoints if locked.plan.is_flow or each.path == path]
        wanted |= {each.output_id for each in own if each.output_id}
        wanted |= {output_id for each in own for output_id in _outputs_of(each, reviews)}
    outputs = locked.tx.outputs.committed(locked.execution.id, wanted)
    return tuple(_entries(checkpoints, reviews, outputs))


def _outputs_of(checkpoint: Checkpoint, reviews: Mapping[str, Review]) -> Iterator[str]:
    review = reviews.get(checkpoint.review_id or "")
    if review is not None:
        yield review.output_id
        if review.edited_output_id:
            yield review.edited_output_id


def _entries(
    checkpoints: Iterable[Checkpoint],
    reviews: Mapping[str, Review],
    outputs: Mapping[str, Output],
) -> Iterator[Entry]:
    commit = Cause.COMMIT
    for each in checkpoints:
        output = outputs.get(each.output_id or "")
        if each.cause is commit:
            if output is not None:
                yield Committed(each.path, output, each.state)
        elif each.cause is Cause.CUT:
            yield Cut(each.path)
        elif (review := reviews.get(each.review_id or "")) is not None:
            if each.cause is Cause.ANSWER:
                yield _answered(review, outputs)
            elif each.cause is Cause.ASK and output is not None:
                yield Asked(each.path, review.id, review.question, output, each.state)


def _answered(review: Review, outputs: Mapping[str, Output]) -> Answered:
    return Answered(
        path=review.path,
        review_id=review.id,
        words=review.words or "",
        approved=review.approved,
        outcome=review.outcome,
        edited=outputs.get(review.edited_output_id or ""),
        name=review.task_name,
        round=review.round,
        output=outputs.get(review.output_id),
        scope=review.scope,
        was_read=review.read_by is not None,
    )

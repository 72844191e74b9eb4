"""Ask people again what nobody decided on, when an execution goes on from its checkpoints."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.domain.checkpoint import Cause, Checkpoint
from orchestrator.domain.review import Review
from orchestrator.domain.task_run import TASK_RUN
from orchestrator.usecases.executions.locked_execution import LockedExecution
from orchestrator.usecases.reviews.open import ask_person


def ask_again(locked: LockedExecution) -> None:
    """Put each output before a person that waited for one, as a new review.

    Which these are, the checkpoints say that stand: asked about, and neither answered nor final
    since.
    """
    asked = {each.path: each for each in locked.checkpoints if each.cause is Cause.ASK}
    over = {each.path for each in locked.checkpoints if each.cause in (Cause.COMMIT, Cause.CUT)}
    answered = {each.review_id for each in locked.checkpoints if each.cause is Cause.ANSWER}
    waiting = [each for each in asked.values() if each.review_id not in answered]
    reviews = locked.tx.reviews.get([str(each.review_id) for each in waiting])
    for checkpoint in waiting:
        if checkpoint.path not in over:
            _open_again(locked, reviews[str(checkpoint.review_id)], checkpoint)


def _open_again(locked: LockedExecution, review: Review, checkpoint: Checkpoint) -> None:
    run = locked.tx.task_runs.get(review.task_run_id)
    if run is None or review.is_open:
        return
    if run.path == review.path and TASK_RUN.allows("ask_again", run.state):
        run = locked.save_run("ask_again", run, run.ask_again())
    output_id = str(checkpoint.output_id)
    output = locked.tx.outputs.one(output_id)
    question = replace(review.question, path=review.path, name=review.task_name)
    ask_person(locked, run, question, output_id, output, checkpoint.state, spent=checkpoint.usage)

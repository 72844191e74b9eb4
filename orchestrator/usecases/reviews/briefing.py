"""All that a person may want to know before deciding in a review."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.output import Output, Preview
from orchestrator.domain.permission import Scope
from orchestrator.domain.recipient import Recipient
from orchestrator.domain.review import Review
from orchestrator.domain.timeline import Entry
from orchestrator.ports import EntryFilter, Ports, Transaction
from orchestrator.usecases.executions.snapshot import Snapshot, snapshot
from orchestrator.usecases.reviews.find import find_review

MOST_OUTPUTS = 20
"""Of the tasks that were committed last, the beginnings of their outputs."""

MOST_ENTRIES = 1000
"""Of an execution's timeline, what it tells of reviews."""

_NEWEST = 2**62


@dataclass(frozen=True, slots=True)
class Briefing:
    """A review with its output, and what surrounds it.

    ``earlier`` are the answered rounds before it, oldest first, ``before`` the output of the last
    one. ``committed`` are the beginnings of what other tasks put out, by their names. ``timeline``
    tells of this review alone.
    """

    review: Review
    output: Output
    earlier: tuple[Review, ...]
    before: Output | None
    recipients: tuple[Recipient, ...]
    execution: Snapshot
    committed: Mapping[str, Preview]
    timeline: tuple[Entry, ...]

    @property
    def usage(self) -> JsonObject:
        """The tokens that the execution has used so far."""
        return self.execution.usage

    def recipient(self, person: str | None) -> Recipient | None:
        """The one who is asked and is that person."""
        return next((r for r in self.recipients if r.address == person and r.is_asked), None)


def briefing(ports: Ports, review_id: str, scope: Scope) -> Briefing:
    """Read it all. Raises UnknownReview, also for one of another deployment."""
    review = find_review(ports, review_id, scope)
    execution = snapshot(ports, review.execution_id)
    return ports.store.read(lambda tx: _read(tx, review, execution))


def _read(tx: Transaction, review: Review, execution: Snapshot) -> Briefing:
    earlier = tuple(each for each in execution.reviews if each.came_before(review))
    before_id = earlier[-1].output_id if earlier else None
    outputs = tx.outputs.get([each for each in (review.output_id, before_id) if each])
    steps = execution.committed[-MOST_OUTPUTS:]
    previews = tx.outputs.previews([step.output_id for step in steps])
    recipients = tx.recipients.of([review.id])
    return Briefing(
        review=review,
        output=outputs[review.output_id],
        earlier=earlier,
        before=outputs[before_id] if before_id else None,
        recipients=recipients,
        execution=execution,
        committed={step.name: previews.get(step.output_id, Preview("")) for step in steps},
        timeline=_timeline(tx, review, {review.id, *(each.id for each in recipients)}),
    )


def _timeline(tx: Transaction, review: Review, about: set[str]) -> tuple[Entry, ...]:
    wanted = EntryFilter(execution_id=review.execution_id, reviews=True)
    entries = tx.timeline.beyond(0, _NEWEST, MOST_ENTRIES, wanted)
    return tuple(each for each in entries if each.subject_id in about)

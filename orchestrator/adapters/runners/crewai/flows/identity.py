"""What tells tasks of one name inside a body apart.

A body that runs again may come to them in another order, where crews are at work side by side, and
with other words, where a model or a clock wrote these. So what a task was asked is kept with all
that is noted of it, and of what its tools did.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from orchestrator.adapters.runners.crewai.flows.journal import Journal, PathRecord
from orchestrator.adapters.runners.crewai.flows.scope import ALIKE
from orchestrator.domain.canonical import digest
from orchestrator.domain.history import Asked, Committed
from orchestrator.domain.output import Output

_TASKS = "within"
"""The key of ``Output.extra`` for the identities of the tasks around, the outermost first."""
_AT_A_PINCH, _SURELY, _WITH_ITS_INPUTS = 1, ALIKE + 1, ALIKE + 2


@dataclass(frozen=True, slots=True)
class Identity:
    """What a task was asked, as digests. ``inputs`` are those of its crew's kickoff.

    ``beside`` says that another crew was at work in the body meanwhile.
    """

    inputs: str
    description: str
    context: str
    beside: bool = False

    @classmethod
    def of(cls, inputs: str, description: str, context: str | None) -> Identity:
        """The identity of a task that is executed with this context, as the crew gives it."""
        return cls(inputs, digest(description), digest(context or ""))

    def likeness(self, record: PathRecord, journal: Journal) -> int:
        """How much a record is that of this task, 0 where it is not at all.

        Where nothing is at work beside it, it is the next one in any case. Else another's is never
        taken: that crew has yet to come to it.
        """
        noted = list(_noted(record, journal))
        if noted:
            return max(map(self._likeness, noted))
        descriptions = {digest(output.description) for output in record.outputs}
        return ALIKE if self.description in descriptions else 0  # kept by an earlier version

    def _likeness(self, noted: Identity) -> int:
        if (noted.description, noted.context) == (self.description, self.context):
            return _WITH_ITS_INPUTS if noted.inputs == self.inputs else _SURELY
        if noted.beside or self.beside:
            return 0
        return ALIKE if noted.description == self.description else _AT_A_PINCH


def known_by(output: Output, tasks: Sequence[Identity]) -> Output:
    """An output that says inside which tasks it came about."""
    if not tasks:
        return output
    return replace(output, extra={**output.extra, _TASKS: [asdict(each) for each in tasks]})


def _noted(record: PathRecord, journal: Journal) -> Iterator[Identity]:
    """What is known of the task of a record, by each output of it and of what its tools did."""
    around = record.path.count("/task:") - 1
    below = journal.below(record.path)
    inside = (entry.output for entry in below if isinstance(entry, Committed | Asked))
    for output in (*record.outputs, *inside):
        tasks: Any = output.extra.get(_TASKS, ())
        if len(tasks) > around:
            yield Identity(**tasks[around])

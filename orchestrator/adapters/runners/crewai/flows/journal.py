"""What earlier runs of an execution committed, asked and were answered, by path.

A step's path is ``method#n``, the n-th call of that method. Below it stand what its body did:
``draft#1/task:write~1`` (a crew's task), ``draft#1/ask:2`` (``ask()``),
``draft#1/flow:Child~1/read#1`` (a step of a flow inside it); below a task what its tools did, as
``draft#1/task:write~1/ask:1``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.history import Answered, Asked, Committed, Cut, Entry
from orchestrator.domain.output import Output


@dataclass(slots=True)
class PathRecord:
    """All that is known of one path."""

    path: str
    committed: Committed | None = None
    rounds: list[tuple[Asked, Answered | None]] = field(default_factory=list)
    cut: bool = False

    @property
    def asked(self) -> Asked | None:
        """The latest question."""
        return self.rounds[-1][0] if self.rounds else None

    @property
    def answer(self) -> Answered | None:
        """The answer to the latest question."""
        return self.rounds[-1][1] if self.rounds else None

    @property
    def is_open(self) -> bool:
        """Whether a person is being asked."""
        return bool(self.rounds) and self.answer is None and not self.cut and not self.committed

    @property
    def waits_its_turn(self) -> bool:
        """Whether a person answered of a whole step, and nothing has followed from it."""
        is_step = self.path.rpartition("#")[2].isdecimal()
        return is_step and self.answer is not None and not self.cut and not self.committed

    @property
    def approved(self) -> Output | None:
        """The output that a person judged to be final, as they may have rewritten it."""
        if self.asked is None or self.answer is None or not self.answer.approved:
            return None
        return self.answer.edited or self.asked.output

    @property
    def final(self) -> Output | None:
        """The output that is final, None where the step or task has to run."""
        return self.committed.output if self.committed else self.approved

    @property
    def outputs(self) -> Iterator[Output]:
        """Every output that was kept of it."""
        if self.committed:
            yield self.committed.output
        yield from (asked.output for asked, _ in self.rounds)


class Journal:
    """The history of one execution. It does not change while a run goes on."""

    def __init__(self, history: Iterable[Entry]) -> None:
        self._records: dict[str, PathRecord] = {}
        self._below: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in history:
            self._add(entry)

    def _add(self, entry: Entry) -> None:
        path = entry.path
        record = self._records.setdefault(path, PathRecord(path))
        match entry:
            case Committed():
                record.committed = entry
            case Asked():
                record.rounds.append((entry, None))
                record.cut = False
            case Answered():
                asked, _ = record.rounds[-1]
                record.rounds[-1] = (asked, entry)
            case Cut():
                record.cut = True
        while path:
            path = path.rpartition("/")[0]
            self._below[path].append(entry)

    def __bool__(self) -> bool:
        return bool(self._records)

    def of(self, path: str) -> PathRecord:
        """What is known of a path; an empty record where nothing is."""
        return self._records.get(path) or PathRecord(path)

    def below(self, path: str) -> list[Entry]:
        """What was noted at any depth below a path, in order."""
        return self._below.get(path, [])

    def records_below(self, path: str) -> list[PathRecord]:
        """The records at any depth below a path."""
        names = dict.fromkeys(entry.path for entry in self.below(path))
        return [self._records[name] for name in names]

    def steps_of(self, prefix: str) -> list[Entry]:
        """What was noted of the steps of one flow themselves, in order. ``""`` is the flow."""
        depth = prefix.count("/") + 1 if prefix else 0
        return [entry for entry in self.below(prefix) if entry.path.count("/") == depth]

    def waits_below(self, path: str) -> bool:
        """Whether the body of a step waits for an answer that has not come, and for no other."""
        entries = self.below(path)
        if not any(self.of(entry.path).is_open for entry in entries):
            return False
        latest = max(i for i, entry in enumerate(entries) if isinstance(entry, Asked))
        return not any(isinstance(entry, Answered) for entry in entries[latest:])

    def last_state(self, prefix: str) -> JsonObject | None:
        """The newest state of one flow, None where none was committed."""
        for entry in reversed(self.steps_of(prefix)):
            if isinstance(entry, Committed | Asked) and entry.state is not None:
                return entry.state
        return None


def join(prefix: str, name: str) -> str:
    """The path of something below a path; ``""`` is the top."""
    return f"{prefix}/{name}" if prefix else name


def is_task(path: str) -> bool:
    """Whether a crew's task stands at a path, whatever its author named it."""
    name, counted, number = path.rpartition("/task:")[2].rpartition("~")
    return "/task:" in path and bool(counted) and number.isdecimal() and "/flow:" not in name


def method_of(path: str) -> str:
    """The method that a step's path names."""
    return path.rpartition("/")[2].rpartition("#")[0]

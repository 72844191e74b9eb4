"""Read both records, the timelines and the audit log, as lines: to be exported, or checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from orchestrator.domain.audit import AuditEntry
from orchestrator.domain.canonical import JsonObject, moment
from orchestrator.domain.record import FORMAT, StreamEnd, end_line, entry_line
from orchestrator.domain.timeline import Entry
from orchestrator.ports import Mark, Page, Store, StreamKind, Transaction

ENTRIES_AT_A_TIME = 1000


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of the record is meant; what is None does not matter.

    ``until`` is exclusive. Of the audit log, a deployment's are the entries that name it.
    """

    deployment: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def has(self, entry: Entry | AuditEntry) -> bool:
        """Whether an entry is meant."""
        return (
            self.deployment in (None, entry.deployment)
            and (self.since is None or entry.at >= self.since)
            and (self.until is None or entry.at < self.until)
        )


ALL = Part()


def read_record(store: Store, part: Part = ALL) -> Iterator[JsonObject]:
    """The lines of the record, page by page: ``domain.record`` says what they are.

    It goes on while the service works: each stream ends as it stood when its last page was read.
    """
    yield {
        "line": "export",
        "v": FORMAT,
        "at": moment(store.read(lambda tx: tx.now())),
        "deployment": part.deployment,
        "since": moment(part.since) if part.since else None,
        "until": moment(part.until) if part.until else None,
        "unchained": store.read(lambda tx: tx.record.unchained()),
    }
    lines = 1
    for kind in StreamKind:
        for line in _of_kind(store, part, kind):
            lines += 1
            yield line
    yield {"line": "end", "lines": lines}


def _of_kind(store: Store, part: Part, kind: StreamKind) -> Iterator[JsonObject]:
    last: Entry | AuditEntry | None = None
    is_shown = False
    end: StreamEnd | None = None
    for page in _pages(store, part, kind):
        for entry in page.entries:
            previous = last.digest if last and last.stream == entry.stream else None
            if end is not None and end.stream != entry.stream:
                if is_shown:
                    yield end_line(end)
                is_shown = False
            if part.has(entry):
                is_shown = True
                yield entry_line(entry, entry.number, previous)
            last, end = entry, page.ends[entry.stream]
    if end is not None and is_shown:
        yield end_line(end)
    for emptied in store.read(lambda tx: tx.record.emptied(kind, part.deployment)):
        yield end_line(emptied)


def _pages(store: Store, part: Part, kind: StreamKind) -> Iterator[Page]:
    after: Mark | None = None
    while True:
        page = store.read(partial(_page, part, kind, after))
        yield page
        if len(page.entries) < ENTRIES_AT_A_TIME:
            return
        last = page.entries[-1]
        after = Mark(last.stream.partition(":")[2], last.number or 0)


def _page(part: Part, kind: StreamKind, after: Mark | None, tx: Transaction) -> Page:
    return tx.record.page(kind, after, part.deployment, ENTRIES_AT_A_TIME)

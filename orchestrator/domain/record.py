"""The record as lines of JSON, as an export has it, and what is wrong with such lines.

The first line says what the export is of, the last how many lines stand before it. Between them
each stream stands whole: its entries in their order, then its end, as the execution, the endpoint
or the audit log knows that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from orchestrator.domain.audit import ADMINISTRATION
from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.chain import Head, digest_of
from orchestrator.domain.timeline import WORDS

if TYPE_CHECKING:
    from orchestrator.domain.chain import Chained

FORMAT = 1
"""The version of the lines."""

THE_FILE = "the export"
"""What is named where no stream is to blame."""

_ABOUT = frozenset({"line", "number", "place", "digest", "previous", "salt"})
"""What a line of an entry has besides what the entry says: the digest covers all the rest."""


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """The end of a stream as it is known beside the entries.

    ``is_purged`` says that what people said was taken out of it.
    """

    stream: str
    head: Head
    is_purged: bool = False


def entry_line(entry: Chained, number: int | None, previous: str | None) -> JsonObject:
    """The line of an entry; ``previous`` is the digest of the one before it in its stream."""
    salt = {} if entry.salt is None else {"salt": entry.salt}
    chained = {"place": entry.place, "digest": entry.digest, "previous": previous}
    return {"line": "entry", "number": number, **chained, **salt, **entry.says()}


def end_line(end: StreamEnd) -> JsonObject:
    """The line that ends a stream."""
    head = {"entries": end.head.entries, "digest": end.head.digest}
    return {"line": "end of stream", "stream": end.stream, **head, "purged": end.is_purged}


class FaultKind(StrEnum):
    """What is wrong with a stream, at the first entry where something is."""

    ALTERED = "was altered, or was not written by the service"
    MISSING = "is missing"
    MOVED = "is not where it was written"
    ADDED = "stands where no entry was written"
    UNCHAINED = "has no digest"
    WORDLESS = "has lost what a person said, and no purge took it"
    OTHER_END = "is not the last one that was written"
    UNREADABLE = "cannot be read"
    CUT = "breaks off"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong: with which entry of which stream.

    ``place`` is that in the stream, ``number`` that in the record; of an entry that is missing, it
    is the number of the one that stands there instead, None where none does.
    """

    stream: str
    what: FaultKind
    place: int | None = None
    number: int | None = None

    def __str__(self) -> str:
        """One sentence for people."""
        if self.place is None and self.number is None:
            return f"{self.stream}: {self.what}"
        number = "" if self.number is None else f" (number {self.number})"
        if self.what is FaultKind.MISSING and number:
            number = f" (number {self.number} follows)"
        which = "an entry" if self.place is None else f"entry {self.place}"
        return f"{self.stream}: {which}{number} {self.what}"


@dataclass
class Counts:
    """What was looked at: ``earlier`` are entries from before there were chains.

    ``purged`` are those that a purge took people's words out of.
    """

    entries: int = 0
    streams: int = 0
    earlier: int = 0
    purged: int = 0


def check(lines: Iterable[JsonObject], counts: Counts) -> Iterator[Fault]:
    """The first fault of each stream that has one.

    Of a part of the record, which says so in its first line, what lies outside it is not missed.
    """
    first: Mapping[str, Any] = {}
    stream: _Stream | None = None
    is_ended = False
    for number, line in enumerate(lines, 1):
        kind = line.get("line")
        try:
            if number == 1:
                first = line
                _require(kind == "export" and line["v"] == FORMAT)
            elif kind == "end":
                is_ended = line["lines"] == number - 1
            else:
                _require(kind in ("entry", "end of stream"))
                name = str(line["stream"])
                if stream is not None and stream.name != name:
                    yield from stream.close(None)
                    stream = None
                stream = stream or _Stream.begin(name, first, counts)
                if kind == "entry":
                    stream.take(line)
                else:
                    yield from stream.close(line)
                    stream = None
        except (KeyError, TypeError, ValueError, AttributeError):
            yield Fault(f"{THE_FILE}, line {number}", FaultKind.UNREADABLE)
            if number == 1:
                return
    if stream is not None:
        yield from stream.close(None)
    if not is_ended:
        yield Fault(THE_FILE, FaultKind.CUT)


def _require(is_so: bool) -> None:  # noqa: FBT001 - what has to be so
    if not is_so:
        raise ValueError


@dataclass
class _Stream:
    """One stream as far as it was read: up to its first fault, or whole."""

    name: str
    counts: Counts
    is_part: bool
    unchained: int
    head: Head = field(default_factory=Head)
    number: int | None = None
    fault: Fault | None = None
    place_found: int | None = None
    first_purged: Fault | None = None

    @classmethod
    def begin(cls, name: str, first: Mapping[str, Any], counts: Counts) -> _Stream:
        is_part = bool(first["since"] or first["until"])
        if name == ADMINISTRATION:
            is_part = is_part or bool(first["deployment"])
        record = "audit" if name == ADMINISTRATION else "timeline"
        counts.streams += 1
        return cls(name, counts, is_part, int(first["unchained"][record]))

    def take(self, line: Mapping[str, Any]) -> None:
        place, number = line["place"], line["number"]
        if self.fault is not None:
            if self.fault.what is FaultKind.MISSING and place == self.fault.place:
                # It is there after all: what stood in its place is what was moved.
                self.fault = Fault(self.name, FaultKind.MOVED, self.place_found, self.fault.number)
            return
        if line["digest"] is None:
            self._take_unchained(number)
            return
        if self.is_part and place > self.head.entries + 1:
            self.head = Head(place - 1, line["previous"])
        expected = self.head.entries + 1
        if place != expected:
            self.place_found = place
            what = FaultKind.MISSING if place > expected else FaultKind.ADDED
            self.fault = Fault(self.name, what, expected, number)
            return
        says = {key: value for key, value in line.items() if key not in _ABOUT}
        if digest_of(self.head.digest, place, says, line.get("salt")) != line["digest"]:
            self.fault = Fault(self.name, FaultKind.ALTERED, place, number)
            return
        self.head, self.number = Head(place, line["digest"]), number
        self.counts.entries += 1
        self._count_purged(line, place, number)

    def _take_unchained(self, number: int) -> None:
        if self.head.entries or number > self.unchained:
            self.fault = Fault(self.name, FaultKind.UNCHAINED, None, number)
        else:
            self.counts.earlier += 1

    def _count_purged(self, line: Mapping[str, Any], place: int, number: int) -> None:
        if any(f"{key}_digest" in line["details"] for key in WORDS):
            self.counts.purged += 1
            if self.first_purged is None:
                self.first_purged = Fault(self.name, FaultKind.WORDLESS, place, number)

    def close(self, end: Mapping[str, Any] | None) -> Iterator[Fault]:
        fault = self.fault or (Fault(self.name, FaultKind.CUT) if end is None else self._at(end))
        if fault is not None:
            yield fault

    def _at(self, end: Mapping[str, Any]) -> Fault | None:
        known = Head(end["entries"], end["digest"])
        if self.head.entries < known.entries and not self.is_part:
            return Fault(self.name, FaultKind.MISSING, self.head.entries + 1)
        if self.head.entries > known.entries:
            return Fault(self.name, FaultKind.ADDED, self.head.entries, self.number)
        if self.head.entries == known.entries and self.head.digest != known.digest:
            return Fault(self.name, FaultKind.OTHER_END, self.head.entries, self.number)
        return None if end["purged"] else self.first_purged

"""An export says by itself whether it is whole, and if not, which entry is to blame.

The number of an entry is ten times its place here, so that one does not pass for the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.domain.audit import ADMINISTRATION, AuditEntry
from orchestrator.domain.chain import Head, chained
from orchestrator.domain.record import (
    THE_FILE,
    Counts,
    Fault,
    FaultKind,
    StreamEnd,
    check,
    end_line,
    entry_line,
)
from orchestrator.domain.timeline import Entry, redacted

Line = dict[str, Any]

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
STREAM, OTHER = "execution:k-1", "execution:k-2"
FIRST: Line = {
    "line": "export",
    "v": 1,
    "since": None,
    "until": None,
    "deployment": None,
    "unchained": {"timeline": 0, "audit": 0},
}


def timeline(count: int, execution_id: str = "k-1", **more: Any) -> list[Entry]:
    entry = Entry(execution_id, "news", AT, "token:desk", "review.answer", "r-1", **more)
    _, made = chained(Head(), [entry] * count)
    return [replace(each, number=10 * place) for place, each in enumerate(made, 1)]


def audit_log(count: int) -> list[AuditEntry]:
    _, made = chained(Head(), [AuditEntry(AT, "operator", "token.create", "t-1")] * count)
    return [replace(each, number=10 * place) for place, each in enumerate(made, 1)]


def purged(entry: Entry) -> Entry:
    return replace(entry, details=redacted(entry.details, entry.salt or ""), salt=None)


def lines_of(entries: Sequence[Entry | AuditEntry]) -> list[Line]:
    digests = [None, *(entry.digest for entry in entries)]
    return [
        dict(entry_line(entry, entry.number, previous))
        for entry, previous in zip(entries, digests, strict=False)
    ]


def end_of(entries: Sequence[Entry | AuditEntry], *, is_purged: bool = False) -> Line:
    last = entries[-1]
    return dict(end_line(StreamEnd(last.stream, Head(last.place or 0, last.digest), is_purged)))


def stream(entries: Sequence[Entry | AuditEntry], *, is_purged: bool = False) -> list[Line]:
    return [*lines_of(entries), end_of(entries, is_purged=is_purged)]


def export(lines: Iterable[Line], **first: Any) -> list[Line]:
    found = [{**FIRST, **first}, *lines]
    return [*found, {"line": "end", "lines": len(found)}]


def faults(lines: Iterable[Line]) -> list[Fault]:
    return list(check(lines, Counts()))


def test_what_is_whole_is_counted() -> None:
    counts = Counts()
    lines = [*stream(timeline(3)), *stream(timeline(2, "k-2")), *stream(audit_log(2))]
    assert list(check(export(lines), counts)) == []
    assert counts == Counts(entries=7, streams=3)


def test_lines_say_what_the_entries_say_and_how_they_are_chained() -> None:
    first, last = timeline(2, details={"feedback": "Shorter"}, salt="s")
    chain = {"place": 2, "digest": last.digest, "previous": first.digest, "salt": "s"}
    assert entry_line(last, 20, first.digest) == {
        "line": "entry",
        "number": 20,
        **chain,
        **last.says(),
    }
    assert "salt" not in entry_line(purged(last), 20, first.digest)
    assert end_of([last], is_purged=True) == {
        "line": "end of stream",
        "stream": STREAM,
        "entries": 2,
        "digest": last.digest,
        "purged": True,
    }


TAMPERINGS: dict[str, tuple[Callable[[list[Line]], Any], FaultKind, int, int | None]] = {
    "altered": (lambda lines: lines[1].update(actor="eve"), FaultKind.ALTERED, 2, 20),
    "one more thing said": (lambda lines: lines[1].update(note="eve"), FaultKind.ALTERED, 2, 20),
    "the first removed": (lambda lines: lines.pop(0), FaultKind.MISSING, 1, 20),
    "one removed": (lambda lines: lines.pop(1), FaultKind.MISSING, 2, 30),
    "two removed": (lambda lines: lines.pop(1) and lines.pop(1), FaultKind.MISSING, 2, 40),
    "the last removed": (lambda lines: lines.pop(3), FaultKind.MISSING, 4, None),
    "moved down": (lambda lines: lines.insert(2, lines.pop(1)), FaultKind.MOVED, 3, 30),
    "moved up": (lambda lines: lines.insert(1, lines.pop(3)), FaultKind.MOVED, 4, 40),
    "doubled": (lambda lines: lines.insert(1, lines[1]), FaultKind.ADDED, 3, 20),
    "one in another's place": (lambda lines: lines[2].update(lines[1]), FaultKind.ADDED, 3, 20),
    "one more than is known": (lambda lines: lines[4].update(entries=3), FaultKind.ADDED, 4, 40),
    "another end": (lambda lines: lines[4].update(digest="sha256:0"), FaultKind.OTHER_END, 4, 40),
}


@pytest.mark.parametrize("done", TAMPERINGS)
def test_the_first_entry_that_was_tampered_with_is_named(done: str) -> None:
    tamper, what, place, number = TAMPERINGS[done]
    lines = stream(timeline(4))
    tamper(lines)
    assert faults(export([*lines, *stream(timeline(2, "k-2"))])) == [
        Fault(STREAM, what, place, number)
    ]


def test_the_first_entry_that_lost_its_words_is_named_unless_a_purge_took_them() -> None:
    entries = timeline(3, details={"feedback": "Shorter"}, salt="s")
    left = [entries[0], *map(purged, entries[1:])]
    counts = Counts()
    assert list(check(export(stream(left, is_purged=True)), counts)) == []
    assert counts == Counts(entries=3, streams=1, purged=2)
    assert faults(export(stream(left))) == [Fault(STREAM, FaultKind.WORDLESS, 2, 20)]


def test_words_that_are_gone_are_missed_also_where_their_salt_was_left() -> None:
    (entry,) = timeline(1, details={"feedback": "Shorter"}, salt="s")
    left = replace(purged(entry), salt="s")
    assert faults(export(stream([left]))) == [Fault(STREAM, FaultKind.WORDLESS, 1, 10)]


def test_words_that_are_gone_are_missed_also_in_a_part_that_ends_early() -> None:
    entries = timeline(3, details={"feedback": "Shorter"}, salt="s")
    part = [*lines_of([purged(entries[0]), entries[1]]), end_of(entries)]
    assert faults(export(part, until="2026-11-22")) == [Fault(STREAM, FaultKind.WORDLESS, 1, 10)]


@pytest.mark.parametrize("entries", [timeline(3), audit_log(3)], ids=["timeline", "audit"])
def test_what_came_before_a_part_is_not_missed(entries: Sequence[Entry | AuditEntry]) -> None:
    part = stream(entries)[1:]
    assert faults(export(part, since="2026-11-22")) == []
    name = entries[0].stream
    assert faults(export(part)) == [Fault(name, FaultKind.MISSING, 1, 20)]


@pytest.mark.parametrize(
    ("name", "unchained"),
    [(STREAM, {"timeline": 20, "audit": 0}), (ADMINISTRATION, {"timeline": 0, "audit": 20})],
)
def test_entries_from_before_there_were_digests_are_counted(
    name: str, unchained: dict[str, int]
) -> None:
    entries: Sequence[Entry | AuditEntry] = timeline(2) if name == STREAM else audit_log(2)
    bare = [replace(entry, place=None, digest=None) for entry in entries]
    early, late = lines_of(bare), lines_of([replace(bare[0], number=21), bare[1]])
    counts = Counts()
    assert list(check(export([*early, *stream(entries)], unchained=unchained), counts)) == []
    assert counts == Counts(entries=2, streams=1, earlier=2)

    without_a_digest = [Fault(name, FaultKind.UNCHAINED, None, 21)]
    assert faults(export([*late, *stream(entries)], unchained=unchained)) == without_a_digest


def test_an_entry_without_a_digest_does_not_pass_for_an_early_one_behind_a_chain() -> None:
    entries = timeline(2)
    (bare,) = lines_of([replace(entries[0], place=None, digest=None)])
    lines = [*lines_of(entries), bare, end_of(entries)]
    assert faults(export(lines, unchained={"timeline": 20, "audit": 0})) == [
        Fault(STREAM, FaultKind.UNCHAINED, None, 10)
    ]


@pytest.mark.parametrize("bound", ["since", "until"])
def test_what_lies_outside_a_part_is_not_missed(bound: str) -> None:
    entries = timeline(6)
    lines = [*lines_of(entries)[2:4], end_of(entries)]
    counts = Counts()
    assert list(check(export(lines, **{bound: "2026-11-22T12:00:00.000000+00:00"}), counts)) == []
    assert counts == Counts(entries=2, streams=1)
    assert faults(export(lines)) == [Fault(STREAM, FaultKind.MISSING, 1, 30)]


def test_a_part_for_one_deployment_leaves_out_others_of_the_audit_log_alone() -> None:
    entries, log = timeline(3), audit_log(6)
    of_one = [lines_of(log)[n] for n in (0, 2, 5)]
    assert faults(export([*stream(entries), *of_one, end_of(log)], deployment="news")) == []

    gap = [lines_of(entries)[n] for n in (0, 2)]
    assert faults(export([*gap, end_of(entries)], deployment="news")) == [
        Fault(STREAM, FaultKind.MISSING, 2, 30)
    ]


PART_TAMPERINGS: dict[str, tuple[Callable[[list[Line]], Any], FaultKind, int, int]] = {
    "altered": (lambda lines: lines[0].update(actor="eve"), FaultKind.ALTERED, 3, 30),
    "another one before it": (
        lambda lines: lines[0].update(previous=None),
        FaultKind.ALTERED,
        3,
        30,
    ),
    "altered further on": (lambda lines: lines[2].update(actor="eve"), FaultKind.ALTERED, 5, 50),
    "doubled": (lambda lines: lines.insert(1, lines[1]), FaultKind.ADDED, 5, 40),
    "one more than is known": (lambda lines: lines[3].update(entries=4), FaultKind.ADDED, 5, 50),
}


@pytest.mark.parametrize("done", PART_TAMPERINGS)
def test_an_entry_of_a_part_that_was_tampered_with_is_named(done: str) -> None:
    tamper, what, place, number = PART_TAMPERINGS[done]
    lines = stream(timeline(5))[2:]
    tamper(lines)
    assert faults(export(lines, since="2026-11-22")) == [Fault(STREAM, what, place, number)]


def test_one_that_was_forged_in_a_part_does_not_fit_the_one_behind_it() -> None:
    entries = timeline(5)
    before = Head(3, entries[2].digest)
    _, (forged,) = chained(before, [replace(entries[3], actor="eve")])
    lines = stream([*entries[:3], forged, entries[4]])
    lines[4]["previous"] = entries[3].digest
    assert faults(export(lines[2:], since="2026-11-22")) == [
        Fault(STREAM, FaultKind.ALTERED, 5, 50)
    ]


@pytest.mark.parametrize("first", [{**FIRST, "v": 2}, {**FIRST, "line": "entry"}, {}])
def test_nothing_more_is_said_of_what_is_no_export(first: Line) -> None:
    lines = [first, *export(stream(timeline(2)))[1:], {}]
    assert faults(lines) == [Fault(f"{THE_FILE}, line 1", FaultKind.UNREADABLE)]


@pytest.mark.parametrize("line", [{}, {"line": "entry"}, {"line": "note", "stream": STREAM}])
def test_a_line_that_cannot_be_read_hides_no_other_fault(line: Line) -> None:
    lines = [line, *stream(timeline(2, "k-2"))]
    lines[1]["actor"] = "eve"
    assert faults(export(lines)) == [
        Fault(f"{THE_FILE}, line 2", FaultKind.UNREADABLE),
        Fault(OTHER, FaultKind.ALTERED, 1, 10),
    ]


def test_a_stream_that_has_no_end_breaks_off() -> None:
    headless = lines_of(timeline(2))
    cut = Fault(STREAM, FaultKind.CUT)
    assert faults(export([*headless, *stream(timeline(2, "k-2"))])) == [cut]
    assert faults(export(headless)) == [cut]

    headless[1]["actor"] = "eve"
    assert faults(export(headless)) == [Fault(STREAM, FaultKind.ALTERED, 2, 20)]


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [FIRST],
        export(stream(timeline(2)))[:-1],
        [*export(stream(timeline(2)))[:-1], {"line": "end", "lines": 3}],
    ],
    ids=["empty", "begun", "no end", "another count"],
)
def test_a_file_that_does_not_end_as_it_should_breaks_off(lines: list[Line]) -> None:
    assert faults(lines) == [Fault(THE_FILE, FaultKind.CUT)]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault(THE_FILE, FaultKind.CUT), "the export: breaks off"),
        (
            Fault(STREAM, FaultKind.ALTERED, 2, 20),
            "execution:k-1: entry 2 (number 20) was altered, or was not written by the service",
        ),
        (
            Fault(STREAM, FaultKind.MISSING, 2, 30),
            "execution:k-1: entry 2 (number 30 follows) is missing",
        ),
        (Fault(STREAM, FaultKind.MISSING, 4), "execution:k-1: entry 4 is missing"),
        (
            Fault(STREAM, FaultKind.UNCHAINED, None, 21),
            "execution:k-1: an entry (number 21) has no digest",
        ),
    ],
)
def test_a_fault_is_told_in_a_sentence(fault: Fault, sentence: str) -> None:
    assert str(fault) == sentence

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.canonical import decode, encode, storable
from orchestrator.domain.chain import Head, chained, digest_of
from orchestrator.domain.record import Counts, FaultKind, StreamEnd, check, end_line, entry_line
from orchestrator.domain.timeline import Entry, redacted

TEXT = st.text(st.characters(exclude_categories=()))  # surrogates and NUL among them
DETAILS = st.dictionaries(
    TEXT | st.just("feedback"),
    st.recursive(
        TEXT
        | st.integers()
        | st.booleans()
        | st.none()
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner, max_size=2),
        max_leaves=3,
    ),
    max_size=3,
)
ENTRIES = st.lists(
    st.builds(
        lambda actor, event, details, seconds: Entry(
            execution_id="e",
            deployment="crew",
            at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds),
            actor=actor,
            event=event,
            subject_id="s",
            details=details,
            salt="salt" if "feedback" in details else None,
        ),
        TEXT,
        TEXT,
        DETAILS,
        st.integers(0, 9),
    ),
    min_size=2,
    max_size=6,
)


def stored(entry: Entry, number: int) -> Entry:
    """As it comes back from a database."""
    details: Any = decode(encode(entry.details))
    return replace(
        entry,
        actor=storable(entry.actor),
        event=storable(entry.event),
        details=details,
        number=number,
    )


def purged(entry: Entry) -> Entry:
    if entry.salt is None:
        return entry
    return replace(entry, details=redacted(entry.details, entry.salt), salt=None)


def found(entries: list[Entry], head: Head, *, is_purged: bool = False) -> list[FaultKind]:
    lines: list[Any] = [
        {
            "line": "export",
            "v": 1,
            "since": None,
            "until": None,
            "deployment": None,
            "unchained": {"timeline": 0, "audit": 0},
        }
    ]
    lines += [entry_line(entry, entry.number, None) for entry in entries]
    lines += [end_line(StreamEnd("execution:e", head, is_purged))]
    lines += [{"line": "end", "lines": len(lines)}]
    return [fault.what for fault in check(lines, Counts())]


@given(ENTRIES, st.data())
def test_a_chain_holds_until_somebody_meddles_with_it(entries: list[Entry], data: Any) -> None:
    head, made = chained(Head(), entries)
    kept = [stored(entry, number) for number, entry in enumerate(made, 1)]
    n = data.draw(st.integers(0, len(kept) - 1))
    later = data.draw(st.integers(0, len(kept) - 1).filter(lambda k: k != n))
    altered, swapped = list(kept), list(kept)
    altered[n] = replace(kept[n], subject_id="t")
    swapped[n], swapped[later] = swapped[later], swapped[n]

    assert found(kept, head) == []
    assert found([purged(entry) for entry in kept], head, is_purged=True) == []
    assert found(altered, head) == [FaultKind.ALTERED]
    assert found(swapped, head) == [FaultKind.MOVED]
    assert found(kept[:n] + kept[n + 1 :], head) == [FaultKind.MISSING]


@given(ENTRIES, st.integers(0, 6))
def test_a_chain_that_is_written_in_parts_is_the_same(entries: list[Entry], cut: int) -> None:
    head, first = chained(Head(), entries[:cut])
    _, rest = chained(head, entries[cut:])

    assert first + rest == chained(Head(), entries)[1]


def test_a_digest_says_how_it_was_made() -> None:
    made = hashlib.sha256(b'{"event":"x","place":1,"previous":null}').hexdigest()
    assert digest_of(None, 1, {"event": "x"}, None) == f"sha256:{made}"

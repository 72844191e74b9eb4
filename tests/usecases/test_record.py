"""What was done to the record is found out: from the database, and from an export of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from databases import migrated_database
from post import MoodyReceiver, Post
from sqlalchemy import Connection, delete, insert, select, update
from world import World, plan_of, world_over

from orchestrator.adapters.sql.schema import audit, executions, timeline
from orchestrator.domain.audit import ADMINISTRATION
from orchestrator.domain.canonical import moment
from orchestrator.domain.chain import Head, chained
from orchestrator.domain.delivery import DeliveryState
from orchestrator.domain.record import Counts, Fault, FaultKind, check
from orchestrator.domain.timeline import redacted
from orchestrator.ports import DeliveryFilter
from orchestrator.usecases.access.tokens import create_token
from orchestrator.usecases.executions.locked_execution import lock_execution
from orchestrator.usecases.operations import record as reading
from orchestrator.usecases.operations.audit import note
from orchestrator.usecases.operations.purge import purge
from orchestrator.usecases.operations.record import Part, read_record
from orchestrator.usecases.webhooks.deliveries import replay_deliveries

Line = dict[str, Any]


def lines_of(world: World | Post, part: Part = reading.ALL) -> list[Line]:
    return [dict(line) for line in read_record(world.ports.store, part)]


def faults_of(world: World | Post) -> list[Fault]:
    return list(check(lines_of(world), Counts()))


def writing(world: World | Post) -> Any:
    """A transaction of whoever has the database's password."""
    return world.ports.store._writer.begin()  # type: ignore[attr-defined]  # SQL's


@dataclass
class Scene:
    """An execution that a person was asked in, two entries of the audit log, and who meddles."""

    world: World
    execution_id: str
    others: str
    rows: dict[Any, list[dict[str, Any]]]

    @property
    def stream(self) -> str:
        return f"execution:{self.execution_id}"

    def numbers(self, table: Any) -> list[int]:
        of_stream = table is audit
        return [
            row["number"]
            for row in self.rows[table]
            if of_stream or row["execution_id"] == self.execution_id
        ]

    def restore(self) -> None:
        with writing(self.world) as connection:
            for table, rows in self.rows.items():
                connection.execute(delete(table))
                connection.execute(insert(table), rows)


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def made(
    request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    if request.param == "sqlite":
        file = tmp_path_factory.mktemp("record") / "world.db"
        shutil.copy(template, file)
        url = f"sqlite:///{file}"
    else:
        url = migrated_database(request.getfixturevalue("postgres_server"))
    world = world_over(url, plan_of("write?", "publish"))
    ids = [world.halted() for _ in range(2)]
    for id_ in ids:
        world.answer(id_, "write", approve=True, words="Yes.")
    world.work()
    for name in ("alice", "bob", "eve"):
        create_token(world.ports, name)
    with writing(world) as connection:
        rows = {
            table: [dict(row) for row in connection.execute(query).mappings()]
            for table in (timeline, audit)
            for query in [select(table).order_by(table.c.number)]
        }
    yield Scene(world, *sorted(ids), rows)
    world.ports.store.dispose()


@pytest.fixture
def scene(made: Scene) -> Iterator[Scene]:
    yield made
    made.restore()


def alter(connection: Connection, table: Any, numbers: list[int], **values: Any) -> None:
    connection.execute(update(table).where(table.c.number == numbers[1]).values(**values))


def alter_time(connection: Connection, table: Any, numbers: list[int]) -> None:
    this = table.c.number == numbers[1]
    at = connection.execute(select(table.c.at).where(this)).scalar_one()
    connection.execute(update(table).where(this).values(at=at + timedelta(microseconds=1)))


def remove(connection: Connection, table: Any, numbers: list[int], which: slice) -> None:
    connection.execute(delete(table).where(table.c.number.in_(numbers[which])))


def swap(connection: Connection, table: Any, numbers: list[int]) -> None:
    for was, now in ((numbers[1], -1), (numbers[2], numbers[1]), (-1, numbers[2])):
        connection.execute(update(table).where(table.c.number == was).values(number=now))


def insert_one(connection: Connection, table: Any, numbers: list[int], **forged: Any) -> None:
    query = select(table).where(table.c.number == numbers[-1])
    row = dict(connection.execute(query).mappings().one())
    connection.execute(insert(table).values({**row, "number": 1_000_000, **forged}))


LAST = -1
TAMPERINGS: dict[str, tuple[Callable[..., None], FaultKind, int, int | None]] = {
    # what is done, and what is said: of which place, and which entry's number (by index)
    "the details": (partial(alter, details={"by": "eve"}), FaultKind.ALTERED, 2, 1),
    "the actor": (partial(alter, actor="token:bob"), FaultKind.ALTERED, 2, 1),
    "the event": (partial(alter, event="review.open"), FaultKind.ALTERED, 2, 1),
    "the time": (alter_time, FaultKind.ALTERED, 2, 1),
    "the digest": (partial(alter, digest="sha256:0"), FaultKind.ALTERED, 2, 1),
    "the first is removed": (partial(remove, which=slice(0, 1)), FaultKind.MISSING, 1, 1),
    "the second is removed": (partial(remove, which=slice(1, 2)), FaultKind.MISSING, 2, 2),
    "the last is removed": (partial(remove, which=slice(-1, None)), FaultKind.MISSING, LAST, None),
    "all are removed": (partial(remove, which=slice(None)), FaultKind.MISSING, 1, None),
    "two are swapped": (swap, FaultKind.MOVED, 3, 1),
    "one is copied": (insert_one, FaultKind.ADDED, 0, 1_000_000),
    "one is forged": (
        partial(insert_one, actor="eve", number=-5, place=1),
        FaultKind.ALTERED,
        1,
        -5,
    ),
}


@pytest.mark.parametrize("table", [timeline, audit], ids=["timeline", "audit"])
@pytest.mark.parametrize("done", TAMPERINGS)
def test_the_entry_that_was_tampered_with_is_named(scene: Scene, table: Any, done: str) -> None:
    numbers = scene.numbers(table)
    tamper, what, place, index = TAMPERINGS[done]
    with writing(scene.world) as connection:
        tamper(connection, table, numbers)
    stream = ADMINISTRATION if table is audit else scene.stream
    place = {LAST: len(numbers), 0: len(numbers) + 1}.get(place, place)
    number = index if index is None or not 0 <= index < len(numbers) else numbers[index]

    assert faults_of(scene.world) == [Fault(stream, what, place, number)]


def test_nothing_is_said_where_nothing_was_done(scene: Scene) -> None:
    counts = Counts()

    assert list(check(lines_of(scene.world), counts)) == []
    assert counts == Counts(entries=sum(map(len, scene.rows.values())), streams=3)


def test_one_that_is_added_with_a_right_digest_is_one_that_its_execution_does_not_know(
    scene: Scene,
) -> None:
    def add(tx: Any) -> None:
        execution = tx.executions.get(scene.execution_id)
        last = tx.timeline.of(execution.id)[-1]
        _, forged = chained(execution.head, [replace(last, actor="eve", number=None)])
        tx.timeline.add(forged)

    scene.world.ports.store.transact(add)
    places = len(scene.numbers(timeline)) + 1

    (fault,) = faults_of(scene.world)
    assert (fault.what, fault.place) == (FaultKind.ADDED, places)


def test_a_chain_that_was_forged_to_its_end_is_not_the_one_that_the_execution_knows(
    scene: Scene,
) -> None:
    def forge(tx: Any) -> None:
        entries = tx.timeline.of(scene.execution_id)
        rewritten = [replace(each, actor="eve", number=None) for each in entries]
        _, forged = chained(Head(), rewritten)
        tx.connection.execute(delete(timeline).where(timeline.c.execution_id == scene.execution_id))
        tx.timeline.add(forged)

    scene.world.ports.store.transact(forge)

    assert [fault.what for fault in faults_of(scene.world)] == [FaultKind.OTHER_END]


def test_words_that_no_purge_took_are_missed(scene: Scene) -> None:
    (answered,) = [
        row
        for row in scene.rows[timeline]
        if row["salt"] and row["execution_id"] == scene.execution_id
    ]
    left = redacted(answered["details"], answered["salt"])
    with writing(scene.world) as connection:
        this = timeline.c.number == answered["number"]
        connection.execute(update(timeline).where(this).values(details=left, salt=None))

    assert faults_of(scene.world) == [
        Fault(scene.stream, FaultKind.WORDLESS, answered["place"], answered["number"])
    ]


def test_what_lost_its_digest_does_not_pass_for_older_than_digests(scene: Scene) -> None:
    with writing(scene.world) as connection:
        connection.execute(update(timeline).values(place=None, digest=None))
        connection.execute(update(executions).values(entries=0, last_digest=None))
    try:
        assert {fault.what for fault in faults_of(scene.world)} == {FaultKind.UNCHAINED}
    finally:
        with writing(scene.world) as connection:
            for id_ in (scene.execution_id, scene.others):
                last = [row for row in scene.rows[timeline] if row["execution_id"] == id_][-1]
                known = {"entries": last["place"], "last_digest": last["digest"]}
                connection.execute(update(executions).where(executions.c.id == id_).values(known))


def test_entries_from_before_there_were_digests_are_counted(scene: Scene) -> None:
    old = scene.rows[timeline][0]
    added = {"number": -1, "place": None, "digest": None}
    with writing(scene.world) as connection:
        connection.execute(insert(timeline).values({**old, **added}))
    counts = Counts()

    assert list(check(lines_of(scene.world), counts)) == []
    assert counts.earlier == 1


def at(lines: list[Line], stream: str, place: int) -> int:
    return next(
        n
        for n, line in enumerate(lines)
        if line.get("stream") == stream and line.get("place") == place
    )


def end_after(lines: list[Line], n: int) -> int:
    return next(k for k in range(n, len(lines)) if lines[k]["line"] == "end of stream")


FILE_TAMPERINGS: dict[str, tuple[Callable[[list[Line], int], Any], FaultKind]] = {
    "altered": (lambda lines, n: lines[n].update(actor="eve"), FaultKind.ALTERED),
    "one more thing said": (lambda lines, n: lines[n].update(note="eve"), FaultKind.ALTERED),
    "removed": (lambda lines, n: lines.pop(n), FaultKind.MISSING),
    "moved": (lambda lines, n: lines.insert(n + 1, lines.pop(n)), FaultKind.MOVED),
    "doubled": (lambda lines, n: lines.insert(n, lines[n]), FaultKind.ADDED),
    "of no sense": (lambda lines, n: lines[n].clear(), FaultKind.UNREADABLE),
    "the stream's end is gone": (lambda lines, n: lines.pop(end_after(lines, n)), FaultKind.CUT),
    "the file is cut": (lambda lines, _: lines.pop(), FaultKind.CUT),
}


@pytest.mark.parametrize("done", FILE_TAMPERINGS)
def test_an_export_that_was_tampered_with_says_so(scene: Scene, done: str) -> None:
    lines = lines_of(scene.world)
    tamper, what = FILE_TAMPERINGS[done]
    tamper(lines, at(lines, scene.stream, 2))

    assert what in [fault.what for fault in check(lines, Counts())]


def test_a_part_of_the_record_can_be_verified(scene: Scene) -> None:
    times = sorted(row["at"] for row in scene.rows[timeline])
    part = Part(deployment="crew", since=times[3], until=times[-2])
    lines = lines_of(scene.world, part)
    counts = Counts()

    assert list(check(lines, counts)) == []
    assert 0 < counts.entries < len(times) - 3
    lines[2]["details"] = {"by": "eve"}
    assert [fault.what for fault in check(lines, Counts())] == [FaultKind.ALTERED]


def test_an_export_says_which_part_of_the_record_it_is(scene: Scene) -> None:
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    told = {"deployment": "crew", "since": moment(since), "until": moment(until)}
    unchained = {"audit": 0, "timeline": 0}

    (head, _) = lines_of(scene.world, Part("crew", since, until))

    whole = {"line": "export", "v": 1, **told, "unchained": unchained}
    assert head == {**whole, "at": head.get("at")}


@pytest.mark.parametrize("which", [0, 1])
def test_a_part_begins_with_its_first_moment_and_tells_of_no_other_stream(
    scene: Scene, which: int
) -> None:
    id_ = (scene.execution_id, scene.others)[which]
    first = next(row["at"] for row in scene.rows[timeline] if row["execution_id"] == id_)

    lines = lines_of(scene.world, Part(since=first, until=first + timedelta(microseconds=1)))

    (*entries, end) = lines[1:-1]
    assert {line["at"] for line in entries} == {moment(first)}
    assert {line["stream"] for line in (*entries, end)} == {f"execution:{id_}"}
    assert lines_of(scene.world, Part(since=first, until=first))[1:-1] == []


def test_what_was_emptied_is_told_of_to_its_own_deployment(scene: Scene) -> None:
    with writing(scene.world) as connection:
        connection.execute(delete(timeline))

    ends = lines_of(scene.world, Part("crew"))[1:-1]
    assert {end["stream"] for end in ends} == {scene.stream, f"execution:{scene.others}"}
    assert lines_of(scene.world, Part("another"))[1:-1] == []


def test_pages_lose_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = lines_of(scene.world)
    monkeypatch.setattr(reading, "ENTRIES_AT_A_TIME", 3)

    assert lines_of(scene.world)[1:] == whole[1:]


def test_a_purge_takes_the_words_and_leaves_the_chain(
    a_world_of_each: Callable[..., World],
) -> None:
    world = a_world_of_each("write?")
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=True, words="private words")
    world.ports = replace(world.ports, keep_finished=timedelta(0))
    purge(world.ports)
    counts = Counts()
    lines = lines_of(world)

    assert list(check(lines, counts)) == []
    assert counts.purged == 1
    assert "private words" not in str(lines)
    assert not [line for line in lines if "salt" in line]


def record_one(world: World, execution_id: str, number: int) -> None:
    def decide(tx: Any) -> None:
        locked = lock_execution(world.ports, tx, execution_id, f"token:{number}")
        locked.record("execution.note", execution_id, None)
        locked.close()

    world.ports.store.transact(decide)


def note_one(world: World, _execution_id: str, number: int) -> None:
    world.ports.store.transact(
        lambda tx: note(world.ports, tx, f"token:{number}", "token.create", "x", None)
    )


@pytest.mark.parametrize("write", [record_one, note_one])
def test_those_who_write_at_once_leave_one_chain(
    a_world_of_each: Callable[..., World], write: Callable[[World, str, int], None]
) -> None:
    world = a_world_of_each("write?")
    execution_id = world.halted()
    before, after = Counts(), Counts()
    list(check(lines_of(world), before))
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(partial(write, world, execution_id), range(40)))

    assert list(check(lines_of(world), after)) == []
    assert after.entries == before.entries + 40


def test_what_deliveries_write_is_chained_by_their_endpoint(any_post: Post) -> None:
    arrived = DeliveryFilter(deployments={"news"}, state=DeliveryState.DELIVERED)
    with MoodyReceiver() as receiver:
        any_post.commit(receiver.url, 3)
        any_post.work()
        replay_deliveries(any_post.ports, arrived, "token:ops")
        any_post.work()
    (entry, *rest) = [line for line in lines_of(any_post) if line.get("place")]
    assert {line["stream"] for line in (entry, *rest)} == {entry["stream"], ADMINISTRATION}
    assert entry["stream"].startswith("endpoint:")
    assert [line["event"] for line in rest if line["stream"] == ADMINISTRATION] == [
        "endpoint.replay"
    ]
    assert faults_of(any_post) == []

    with writing(any_post) as connection:
        this = timeline.c.number == entry["number"]
        connection.execute(update(timeline).where(this).values(subject_id="another"))
    assert faults_of(any_post) == [
        Fault(entry["stream"], FaultKind.ALTERED, entry["place"], entry["number"])
    ]

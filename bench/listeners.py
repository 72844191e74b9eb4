"""A thousand windows with the waiting list open: each gets each row; what that costs the API."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass

from harness.bench import Bench
from harness.databases import SQLITE
from harness.pairs import Sample, values
from harness.record import Record, at_most
from harness.serving import Serving, serving

from orchestrator.ports import Ports
from orchestrator.usecases.access.sessions import sign_in
from orchestrator.usecases.access.tokens import create_token

TITLE = "Windows with the live list of what waits"
PEOPLE = 100
AT_ONCE = 50
"""Windows that open at a time: more would be shed."""


def run(bench: Bench) -> Record:
    """CPU ms of the API for a row that all get, and for a second in which nothing happens."""
    rounds, windows = bench.rounds((9, 1000), (2, 40))
    record = Record("listeners", TITLE, {"rounds": rounds, "windows": windows})
    with serving(bench, bench.databases.new(SQLITE), {"reviewed": "bench_jobs:reviewed"}) as here:
        sessions = signed_in(here.service.ports, windows)
        turns = asyncio.run(crowd(here, sessions, rounds, bench.scale(10.0, 1.0)))
    heard = [each["heard"] for each in turns]
    assert heard == [windows] * rounds, heard
    record.measure("windows that got the row", "of them", heard)
    record.measure("a row for all", "CPU ms of the API", values(turns, "row"), at_most(1000))
    record.measure("from the kickoff to the last window", "s", values(turns, "last"))
    record.measure("nothing happens", "CPU ms a second of the API", values(turns, "still"))
    return record


def signed_in(ports: Ports, windows: int) -> list[str]:
    """Secrets of as many sessions, of a hundred people."""
    made = [
        create_token(ports, "bench", person=f"p{number}@example.com") for number in range(PEOPLE)
    ]
    return [sign_in(ports, made[number % PEOPLE][1]) for number in range(windows)]


@dataclass
class Window:
    """A stream that is open."""

    lines: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def row(self) -> str:
        """The id of the review in the next row."""
        while not (line := await self.lines.readline()).startswith(b"event: row"):
            assert line, "the stream ended"
        data = await self.lines.readline()
        return str(json.loads(data.removeprefix(b"data: "))["id"])


async def opened(port: int, session: str, turn: asyncio.Semaphore) -> Window:
    """A window that listens; ``whose=all``, so that nobody has to be asked in particular."""
    async with turn:
        lines, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        asked = (
            f"GET /inbox/events?whose=all HTTP/1.1\r\nHost: x\r\nCookie: inbox={session}\r\n\r\n"
        )
        writer.write(f"{asked}\r\n".encode())
        while (line := await lines.readline()).rstrip() != b": listening":
            assert line, "no stream"
        return Window(lines, writer)


async def crowd(here: Serving, sessions: list[str], rounds: int, still: float) -> list[Sample]:
    """Everybody listens; then a review opens, again and again."""
    turn = asyncio.Semaphore(AT_ONCE)
    windows = await asyncio.gather(*(opened(here.service.port, each, turn) for each in sessions))
    found = [await one(here, windows, still) for _ in range(rounds)]
    for each in windows:
        each.writer.close()
    return found


async def one(here: Serving, windows: list[Window], still: float) -> Sample:
    """Nothing for a while, then a row."""
    before = here.cpu_by_process()["API"]
    await asyncio.sleep(still)
    between, began = here.cpu_by_process()["API"], time.perf_counter()
    kickoff = asyncio.to_thread(here.service.client.kickoff, "reviewed", {})
    _, *ids = await asyncio.gather(kickoff, *(each.row() for each in windows))
    last = time.perf_counter() - began
    review_id = max(set(ids), key=ids.count)
    return {
        "heard": float(ids.count(review_id)),
        "row": (here.cpu_by_process()["API"] - between) * 1000,
        "last": last,
        "still": (between - before) * 1000 / still,
    }

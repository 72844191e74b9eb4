"""The inbox beside very many reviews that wait: its list, a search, one review, and a decision.

Two services at a time, one with none and one with all of them, measured in turn.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import requests
from harness.bench import Bench
from harness.bulk import write_copies
from harness.databases import POSTGRES, SQLITE
from harness.pairs import Sample, at, in_turn, ratios, values
from harness.record import Record, at_most
from harness.serving import Serving, serving
from waiting import DEPLOYMENTS, MANY, timed

NONE = "with none"
TITLE = "The inbox beside reviews that wait"
PAGES = {
    "list": "the list of what waits",
    "search": "a search in it",
    "review": "the page of a review",
    "decide": "a decision, and the page after it",
}
MILLISECONDS = 200


def run(bench: Bench) -> Record:
    """Milliseconds of each page as a client sees them, and their ratios."""
    rounds, samples = bench.rounds((15, 20), (2, 2))
    count = bench.scale(10_000, 1_000)
    scale = {"rounds": rounds, "samples in a round": samples, "waiting": count}
    record = Record("inbox", TITLE, scale)
    for database in (SQLITE, POSTGRES):
        urls = {NONE: bench.databases.new(database), MANY: bench.databases.new(database)}
        with (
            serving(bench, urls[NONE], DEPLOYMENTS) as first,
            serving(bench, urls[MANY], DEPLOYMENTS) as second,
        ):
            sides = {NONE: Desk(first), MANY: Desk(second)}
            write_copies(urls[MANY], sides[MANY].halted(), count)
            turns = {name: partial(desk.turn, samples) for name, desk in sides.items()}
            note(record, f"{count:,} waiting, {database}", in_turn(turns, rounds))
    return record


def note(record: Record, where: str, taken: dict[str, list[Sample]]) -> None:
    """The times with many, which are to be short, and by those with none."""
    for key, what in PAGES.items():
        many, none = (values(taken[side], key) for side in (MANY, NONE))
        record.measure(f"{what}, {where}", "ms", many, at_most(MILLISECONDS, "most"))
        record.ratio(f"{what}, {where}", NONE, ratios(many, none))


class Desk:
    """Somebody who is signed in to one service."""

    def __init__(self, here: Serving) -> None:
        self._here = here
        self._url = here.service.url
        self._session = requests.Session()
        signed_in = {"token": here.service.token, "next": "/inbox"}
        self._session.post(f"{self._url}/inbox/sign-in", signed_in).raise_for_status()

    def turn(self, samples: int) -> Sample:
        """The median of so many of each, in ms."""
        halted = [self.halted() for _ in range(samples + 1)]
        waiting = self._here.service.client.status("answered", halted.pop())
        page = f"/inbox/reviews/{waiting.pending[0].id}"
        pages = {
            "list": partial(self._get, "/inbox"),
            "search": partial(self._get, f"/inbox?text={halted[0]}"),
            "review": partial(self._get, page),
        }
        taken = {
            name: _median([timed(show) for _ in range(samples)]) for name, show in pages.items()
        }
        taken["decide"] = _median([self._decide(each) for each in halted])
        self._decide(waiting.id)
        return taken

    def halted(self) -> str:
        """An execution that waits for a person."""
        self._here.ends.expect(1)
        execution_id = self._here.service.client.kickoff("answered", {})
        self._here.ends.last()
        return execution_id

    def _decide(self, execution_id: str) -> float:
        """Seconds of the decision and its page; what it sets going has ended by then."""
        send = self._ready(execution_id)
        self._here.ends.expect(1)
        spent = timed(send)
        self._here.ends.last()
        return spent

    def _ready(self, execution_id: str) -> Callable[[], object]:
        """The form of its review, filled in; what sends it is measured."""
        status = self._here.service.client.status("answered", execution_id)
        path = f"/inbox/reviews/{status.pending[0].id}"
        names = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', self._get(path))
        return partial(self._send, path, {**dict(names), "choice": "approve"})

    def _send(self, path: str, form: dict[str, str]) -> None:
        told = self._session.post(self._url + path, form)
        told.raise_for_status()

    def _get(self, path: str) -> str:
        told = self._session.get(self._url + path)
        told.raise_for_status()
        return told.text


def _median(seconds: list[float]) -> float:
    return at([each * 1000 for each in seconds], 0.5)

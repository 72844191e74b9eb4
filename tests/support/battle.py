"""One round of executions that are under way while something is broken on purpose."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from uuid import uuid4

import psutil
from hurt_service import HurtService
from persistence import Persistent
from receiver import Receiver

SECONDS = 150.0
"""The longest wait for what has to come by itself: leases are of 8 s, a new worker takes a few."""

LOOK = 0.15


@dataclass
class Run:
    """One execution, and the folder where its bodies write."""

    deployment: str
    folder: Path
    id: str = ""

    @property
    def lines(self) -> list[tuple[str, int, str]]:
        """The runs of bodies, in order: name, process, number."""
        runs = self.folder / "runs"
        split = [line.split() for line in runs.read_text().splitlines()] if runs.exists() else []
        return [(name, int(pid), run) for name, pid, run in split]

    def pids(self, name: str) -> list[int]:
        return [pid for each, pid, _ in self.lines if each == name]

    def hold(self, name: str) -> None:
        """Keep this body in its middle."""
        (self.folder / f"hold.{name}").touch()

    def release(self) -> None:
        for each in self.folder.glob("hold.*"):
            each.unlink()

    def arm(self, name: str, guard: Path) -> None:
        """Have the process that runs this body crash at the crash point of that guard."""
        (self.folder / f"arm.{name}").write_text(str(guard))


@dataclass
class Battle:
    """Executions of every kind on a service, and the people that have to do with them."""

    service: HurtService
    receiver: Receiver
    folder: Path
    rng: Random
    runs: list[Run] = field(default_factory=list)
    accepted: dict[str, int] = field(default_factory=Counter)
    """How often an answer to each review was accepted."""
    refused: int = 0
    told: dict[str, str] = field(default_factory=dict)
    """The words of the accepted answer to each review."""

    wrong: list[BaseException] = field(default_factory=list)
    """What clients and reviewers met that must not be."""

    def __post_init__(self) -> None:
        self.client = Persistent(self.service)
        self.held: list[Run] = []
        self.held_body = ""
        self.held_open: list[Run] = []
        self._over = threading.Event()
        self._meanwhile = ThreadPoolExecutor(4)
        self._clients: list[Future[Run]] = []

    # Kickoffs -----------------------------------------------------------------------------------

    def make(self, deployment: str) -> Run:
        """An execution that was not asked for yet."""
        folder = self.folder / f"{len(self.runs)}-{deployment}"
        folder.mkdir(parents=True)
        run = Run(deployment, folder)
        self.runs.append(run)
        return run

    def kick_off(self, run: Run) -> Run:
        """Ask for it until that is accepted."""
        body = {"inputs": {"folder": str(run.folder)}, **self.receiver.webhooks}
        path = f"/crews/{run.deployment}/kickoff"
        begun = self.client.call("POST", path, body, key=f"{run.folder.name} {uuid4()}")
        assert begun.status_code == 200, begun.text
        run.id = begun.json()["kickoff_id"]
        return run

    def begin(self, deployment: str, *, hold: str = "") -> Run:
        """Kick off, and wait until the body to be held is in its middle."""
        run = self.make(deployment)
        if hold:
            run.hold(hold)
        self.kick_off(run)
        if hold:
            self.until(lambda: run.pids(hold))
        return run

    def begin_meanwhile(self, deployments: Sequence[str]) -> None:
        """Have clients ask for these while the fault lasts, for as long as it takes."""
        for deployment in deployments:
            self._clients.append(self._meanwhile.submit(self.kick_off, self.make(deployment)))

    def all_begun(self) -> None:
        """Wait for these clients."""
        for each in self._clients:
            each.result()

    def keep_open(self, run: Run) -> None:
        """Nobody answers what it asks before ``held_open`` is cleared."""
        self.held_open.append(run)

    def asks(self, run: Run) -> bool:
        """Whether it waits for a person."""
        answer = self.client.call("GET", f"/v1/executions/{run.id}")
        return bool(answer.json()["state"] == "PENDING_HUMAN_INPUT")

    # Reviews ------------------------------------------------------------------------------------

    @contextmanager
    def reviewing(self) -> Iterator[None]:
        """People answer whatever is asked, but of executions that are to stay open."""
        reviewer = threading.Thread(target=self._review, daemon=True)
        reviewer.start()
        try:
            yield
        finally:
            self._over.set()
            reviewer.join()

    def _review(self) -> None:
        asked: set[str] = set()
        with ThreadPoolExecutor(4) as people:
            while not self._over.wait(LOOK):
                try:
                    answer = self.client.call("GET", "/v1/reviews?limit=100")
                except AssertionError as error:
                    self.wrong.append(error)
                    return
                mine = {run.id for run in self.runs if run not in self.held_open}
                for each in answer.json()["reviews"]:
                    if each["execution_id"] in mine and each["review_id"] not in asked:
                        asked.add(each["review_id"])
                        people.submit(self._answer, each, self.rng.random())

    def _answer(self, review: dict[str, object], chance: float) -> None:
        """Decide: now and then two people at once, of whom one decides."""
        said = {"is_approve": True} if review["kind"] == "judge" else {"outcome": "accept"}
        if review["kind"] == "judge" and review["round"] == 1 and chance < 0.4:
            said = {"is_approve": False}
        people = 2 if chance > 0.6 else 1
        try:
            with ThreadPoolExecutor(people) as pool:
                list(pool.map(lambda number: self._say(review, said, number), range(people)))
        except BaseException as error:  # noqa: BLE001 - told at the end of the round
            self.wrong.append(error)

    def _say(self, review: dict[str, object], said: dict[str, object], number: int) -> None:
        review_id = str(review["review_id"])
        words = f"words-{number}-{review_id}"
        body = {**said, "human_feedback": words, "reviewer": f"person {number}"}
        path = f"/v1/reviews/{review_id}/answer"
        given = self.client.call("POST", path, body, key=words)
        if given.status_code == 200:
            self.accepted[review_id] += 1
            self.told[review_id] = words
        else:
            assert given.status_code in (400, 409), given.text
            assert given.json()["winner"]["review_id"] == review_id, given.text
            self.refused += 1

    # Waiting ------------------------------------------------------------------------------------

    def until(self, condition: object, seconds: float = SECONDS) -> None:
        """Wait for what comes by itself."""
        self.service.until(condition, seconds)  # type: ignore[arg-type]

    def release(self) -> None:
        """Bodies go on that were held."""
        for run in self.runs:
            run.release()

    def held_child(self, run: Run, name: str) -> psutil.Process:
        """The process in which a body is in its middle."""
        return psutil.Process(run.pids(name)[-1])

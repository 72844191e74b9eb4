from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
import user_flows
from calling import Caller, with_caller
from databases import lent_database
from function_flow_world import flow_over
from post import Post, make_post
from renamed_code import RAN
from renamed_world import deploys
from world import World, make_world, migrated, plan_of, world_over

from orchestrator.adapters.sql import Cipher, make_store
from orchestrator.domain.execution import EXECUTION, Execution
from orchestrator.domain.review import REVIEW, Review
from orchestrator.domain.task_run import TASK_RUN, TaskRun
from orchestrator.usecases.executions.locked_execution import LockedExecution
from orchestrator.usecases.operations.heartbeat import beat

Make = Callable[..., World]
Flows = Callable[[str], Make]


@pytest.fixture(autouse=True)
def _what_is_kept_in_memory_is_what_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes a review past the execution that has them in memory is found out."""
    close = LockedExecution.close

    def looked_at(locked: LockedExecution) -> Execution:
        closed = close(locked)
        assert locked.reviews == locked.tx.reviews.of(closed.id)
        return closed

    monkeypatch.setattr(LockedExecution, "close", looked_at)


@pytest.fixture(autouse=True)
def _what_is_over_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """An execution that has ended leaves no run to a worker, and no review to a person."""
    close = LockedExecution.close

    def looked_at(locked: LockedExecution) -> Execution:
        closed = close(locked)
        if not closed.is_open:
            runs = locked.tx.task_runs.of(closed.id)
            assert not [each for each in (*runs, *locked.reviews) if each.is_open]
        return closed

    monkeypatch.setattr(LockedExecution, "close", looked_at)


@pytest.fixture(autouse=True)
def _the_timeline_names_the_transition_that_was_gone_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the tables of the machines: what the timeline says has led from the one to the other."""
    save_run, save_review = LockedExecution.save_run, LockedExecution.save_review
    transition = LockedExecution.transition

    def run_saved(
        locked: LockedExecution, transition: str, before: TaskRun, after: TaskRun, **details: Any
    ) -> TaskRun:
        assert TASK_RUN.follow(transition, before.state) is after.state
        return save_run(locked, transition, before, after, **details)

    def review_saved(
        locked: LockedExecution, transition: str, before: Review, after: Review, **details: Any
    ) -> Review:
        assert REVIEW.follow(transition, before.state) is after.state
        return save_review(locked, transition, before, after, **details)

    def through(locked: LockedExecution, name: str, after: Execution, **details: Any) -> None:
        assert EXECUTION.follow(name, locked.execution.state) is after.state
        transition(locked, name, after, **details)

    monkeypatch.setattr(LockedExecution, "save_run", run_saved)
    monkeypatch.setattr(LockedExecution, "save_review", review_saved)
    monkeypatch.setattr(LockedExecution, "transition", through)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated(tmp_path_factory.mktemp("template"))


@pytest.fixture
def postgres_database(postgres_server: str) -> Iterator[Callable[[], str]]:
    """Gives URLs of empty databases."""
    with ExitStack() as lent:
        yield lambda: lent.enter_context(lent_database(postgres_server))


@pytest.fixture
def a_world(tmp_path: Path, template: Path) -> Iterator[Callable[..., World]]:
    """Makes a world whose crew has the tasks that are noted."""
    made: list[World] = []

    def make(*tasks: str, **settings: Any) -> World:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(make_world(folder, template, plan_of(*tasks), **settings))
        return made[-1]

    yield make
    for world in made:
        world.ports.store.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def a_world_of_each(
    request: pytest.FixtureRequest, a_world: Callable[..., World]
) -> Iterator[Callable[..., World]]:
    """The same on SQLite, and on PostgreSQL."""
    if request.param == "sqlite":
        yield a_world
        return
    made: list[World] = []
    database = request.getfixturevalue("postgres_database")

    def make(*tasks: str, **settings: Any) -> World:
        made.append(world_over(database(), plan_of(*tasks), **settings))
        return made[-1]

    yield make
    for world in made:
        world.ports.store.dispose()


@pytest.fixture
def calling(a_world_of_each: Callable[..., World]) -> Callable[..., tuple[World, Caller]]:
    """Makes a world whose tasks make calls."""

    def make(*tasks: str, **settings: Any) -> tuple[World, Caller]:
        world = a_world_of_each(*(tasks or ("write",)), **settings)
        return world, with_caller(world)

    return make


@pytest.fixture
def later() -> Iterator[Callable[[float], None]]:
    """Lets seconds pass, for our clock and the database's."""
    with time_machine.travel(datetime.now(UTC), tick=False) as traveller:
        yield traveller.shift


@pytest.fixture
def lapse(later: Callable[[float], None]) -> Callable[[World], None]:
    """Lets the seconds of a lease pass, in the sight of a sweep."""

    def wait(world: World) -> None:
        for _ in range(5):
            beat(world.ports)
            later(8)
        beat(world.ports)

    return wait


@pytest.fixture
def post(tmp_path: Path, template: Path) -> Iterator[Post]:
    """An empty post office."""
    made = make_post(tmp_path, template)
    yield made
    made.ports.store.dispose()


@pytest.fixture
def postgres_post(post: Post, postgres_database: Callable[[], str]) -> Iterator[Post]:
    """The post office with its rows in a PostgreSQL."""
    url = postgres_database()
    post.ports.store.dispose()
    store = make_store(url, publish=post.jobs.append, cipher=Cipher("a key"), clock=post.clock)
    post.ports = replace(post.ports, store=store)
    yield post
    store.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def any_post(request: pytest.FixtureRequest) -> Post:
    """The post office with each database."""
    name = "post" if request.param == "sqlite" else "postgres_post"
    made: Post = request.getfixturevalue(name)
    return made


@pytest.fixture
def flows() -> Iterator[Flows]:
    """Make worlds with one of ``user_flows``, over the database at a URL."""
    user_flows.RAN.clear()
    user_flows.FAILING.clear()
    made: list[World] = []

    def over(url: str) -> Make:
        def make(name: str, **settings: Any) -> World:
            made.append(flow_over(url, name, **settings))
            return made[-1]

        return make

    yield over
    for world in made:
        world.ports.store.dispose()


@pytest.fixture
def a_flow(tmp_path: Path, template: Path, flows: Flows) -> Make:
    """Make a world with one of ``user_flows``."""
    file = tmp_path / "flow.db"
    shutil.copy(template, file)
    return flows(f"sqlite:///{file}")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def a_flow_of_each(request: pytest.FixtureRequest, flows: Flows) -> Make:
    """The same on SQLite, and on PostgreSQL."""
    if request.param == "sqlite":
        on_sqlite: Make = request.getfixturevalue("a_flow")
        return on_sqlite
    return flows(request.getfixturevalue("postgres_database")())


@pytest.fixture
def begun(a_flow_of_each: Make) -> Iterator[Callable[[str], World]]:
    """Makes a world with code of ``renamed_code``, which a live worker has loaded."""
    RAN.clear()

    def make(name: str) -> World:
        world = a_flow_of_each(f"renamed_code:{name}")
        deploys(world, name)
        return world

    yield make
    RAN.clear()

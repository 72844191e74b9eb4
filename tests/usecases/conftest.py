from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from post import Post, make_post
from world import World, make_world, migrated, plan_of

from orchestrator.usecases.operations.heartbeat import beat


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated(tmp_path_factory.mktemp("template"))


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

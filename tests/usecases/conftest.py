from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from databases import create_database
from post import Post, make_post
from world import World, make_world, migrated, plan_of

from orchestrator.adapters.sql import Cipher, SqlStore, make_store
from orchestrator.adapters.sql.migrate import upgrade
from orchestrator.usecases.operations.load_deployments import load_deployments


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


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def a_world_on_either(
    request: pytest.FixtureRequest, a_world: Callable[..., World]
) -> Iterator[Callable[..., World]]:
    """The same on each of the two databases."""
    stores: list[SqlStore] = []

    def make(*tasks: str, **settings: Any) -> World:
        world = a_world(*tasks, **settings)
        if request.param == "postgres":
            url = create_database(request.getfixturevalue("postgres_server"))
            upgrade(url)
            world.ports.store.dispose()
            stores.append(make_store(url, publish=world.jobs.append, cipher=Cipher("a key")))
            world.ports = replace(world.ports, store=stores[-1])
            load_deployments(world.ports, "w-1")
        return world

    yield make
    for store in stores:
        store.dispose()


@pytest.fixture
def later() -> Iterator[Callable[[float], None]]:
    """Lets seconds pass, for our clock and the database's."""
    with time_machine.travel(datetime.now(UTC), tick=False) as traveller:
        yield traveller.shift


@pytest.fixture
def post(tmp_path: Path, template: Path) -> Iterator[Post]:
    """An empty post office."""
    made = make_post(tmp_path, template)
    yield made
    made.ports.store.dispose()

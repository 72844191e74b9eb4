"""What the tests of real crews and flows share: one service, since CrewAI is slow to import."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from service import Service

FUNCTIONS = {"plain": "user_crews:plain"}
FLOWS = {"reviewed": "real_flow:ReviewedFlow"}
CREWS = {"article": "scripted_crew:make"}


@pytest.fixture(scope="session")
def crewai_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose workers have imported CrewAI."""
    folder = tmp_path_factory.mktemp("crewai")
    with Service(folder, functions=FUNCTIONS, crews=CREWS, flows=FLOWS) as service:
        yield service

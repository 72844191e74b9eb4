"""The service's world, as commands on its machine use it: past the API, on the database."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli.application import settings_with
from orchestrator.errors import InvalidSettings

if TYPE_CHECKING:
    from orchestrator.ports import Ports, Store


def ports_with(*, may_make_folder: bool = False, **given: Path | None) -> Ports:
    """Build the ports from the environment and the options that were given.

    What is logged goes to standard error: standard output is what the command was asked for. A data
    folder that is not there is made only where that is said; else raises InvalidSettings.
    """
    from orchestrator.adapters.logs import configure_logging
    from orchestrator.wiring import make_ports

    settings = settings_with(**given)
    if not may_make_folder and settings.keeps_data_here:
        _require_folder(settings.data)
    configure_logging(settings.model_copy(update={"log_level": "warning"}))
    return make_ports(settings)


@contextmanager
def plain_store(data: Path | None) -> Iterator[Store]:
    """The database of the settings alone, to read what is not encrypted.

    Neither a key nor deployments are needed. Raises InvalidSettings where there is no data folder.
    """
    from orchestrator.wiring import make_plain_store

    settings = settings_with(data=data)
    if settings.database_url is None:
        _require_folder(settings.data)
    store = make_plain_store(settings)
    try:
        yield store
    finally:
        store.dispose()


def _require_folder(data: Path) -> None:
    if not data.exists():
        raise InvalidSettings(
            f"There is no service here: {data} does not exist. Name its folder with --data; "
            "`orchestrator up` starts one."
        )


def actor() -> str:
    """Who the timeline says it was."""
    return f"cli:{user_name()}"


def user_name() -> str:
    """The user who runs the command; by number where the machine, as in containers, has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the latter from Python 3.13 on
        return str(os.getuid())

"""The service's world, as commands on its machine use it: past the API, on the database."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli.application import settings_with
from orchestrator.errors import InvalidSettings

if TYPE_CHECKING:
    from orchestrator.ports import Ports


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


def _require_folder(data: Path) -> None:
    if not data.exists():
        raise InvalidSettings(
            f"There is no service here: {data} does not exist. Name its folder with --data; "
            "`orchestrator up` starts one."
        )


def actor() -> str:
    """Who the timeline says it was."""
    return f"cli:{getpass.getuser()}"

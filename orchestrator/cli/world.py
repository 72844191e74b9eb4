"""The service's world, as commands on its machine use it: past the API, on the database."""

from __future__ import annotations

import getpass

from orchestrator.adapters.logs import configure_logging
from orchestrator.cli.application import settings_with
from orchestrator.ports import Ports
from orchestrator.wiring import make_ports

CHANNEL = "cli"
"""Where executions and answers that come through here come from."""


def ports_with(**given: object) -> Ports:
    """Build the ports from the environment and the options that were given.

    What is logged goes to standard error: standard output is what the command was asked for.
    """
    settings = settings_with(**given)
    configure_logging(settings)
    return make_ports(settings)


def actor() -> str:
    """Who the timeline says it was."""
    return f"cli:{getpass.getuser()}"

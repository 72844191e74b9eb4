"""The processes of the service: all of them with ``up``, or one at a time."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from orchestrator.cli.application import (
    MOST_PORTS,
    Data,
    DeploymentFile,
    absolute,
    settings_with,
)
from orchestrator.cli.mail import SINK_PORT, require_sink, sink_settings

LOG_FILE = "service.jsonl"

Host = Annotated[str | None, typer.Option(help="Address that the API listens on.")]
Port = Annotated[int | None, typer.Option(help="Port that the API listens on.")]


def add_to(application: typer.Typer) -> None:
    """Add these commands."""
    for command in (up, api, sweep, migrate):
        application.command()(command)
    application.command(hidden=True)(prepare)


def up(  # noqa: PLR0913 - a parameter is an option
    host: Host = None,
    port: Port = None,
    data: Data = None,
    deployments: DeploymentFile = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Tasks that the crew worker runs at a time.")
    ] = None,
    *,
    flower: Annotated[bool, typer.Option("--flower", help="Watch the jobs in Flower.")] = False,
    flower_port: Annotated[
        int, typer.Option(min=1, max=MOST_PORTS, help="Port that Flower listens on.")
    ] = 5555,
    mail_sink: Annotated[
        bool, typer.Option("--mail-sink", help="Show mails here instead of sending them.")
    ] = False,
    mail_sink_port: Annotated[
        int, typer.Option(min=1, max=MOST_PORTS, help="Port on loopback that these mails go to.")
    ] = SINK_PORT,
) -> None:
    """Run everything on this machine, until Ctrl-C or SIGTERM."""
    from orchestrator.adapters.logs import configure_logging
    from orchestrator.cli.template import template_of_services

    settings = settings_with(
        host=host,
        port=port,
        data=absolute(data),
        deployments=absolute(deployments),
        concurrency=concurrency,
    )
    if settings.log_file is None:
        settings = settings_with(log_file=settings.data / "logs" / LOG_FILE)
    if sys.stdout.isatty() and settings.log_console_level is None:
        settings = settings_with(log_console_level="warning")
    if mail_sink:
        require_sink("--mail-sink")
        settings = settings_with(**sink_settings(settings, mail_sink_port))
    configure_logging(settings)
    with template_of_services() as template:
        from orchestrator.cli.up import Extras, run_everything  # while the template imports

        extras = Extras(flower_port if flower else None, mail_sink_port if mail_sink else None)
        raise typer.Exit(run_everything(settings, template, extras))


def api(
    host: Host = None, port: Port = None, data: Data = None, deployments: DeploymentFile = None
) -> None:
    """Serve the HTTP API."""
    from orchestrator.cli.processes import serve_api

    serve_api(
        settings_with(host=host, port=port, data=absolute(data), deployments=absolute(deployments))
    )


def prepare() -> None:
    """Make the database ready for all other processes, as the first step of `up`."""
    from orchestrator.cli.processes import prepare as prepare_database

    prepare_database(settings_with())


def sweep(data: Data = None, deployments: DeploymentFile = None) -> None:
    """See to what is due or was lost, every second.

    Until SIGTERM. Safe to run many times.
    """
    from orchestrator.cli.processes import sweep_for_ever

    sweep_for_ever(settings_with(data=absolute(data), deployments=absolute(deployments)))


def migrate(
    revision: Annotated[str, typer.Argument(help="The revision to upgrade to.")] = "head",
    data: Data = None,
    *,
    downgrade: Annotated[bool, typer.Option(help="Go back to the revision instead.")] = False,
) -> None:
    """Bring the database to this version's schema."""
    from orchestrator.adapters.sql import migrate as schema
    from orchestrator.settings import make_data_folder, require_writable

    settings = settings_with(data=absolute(data))
    make_data_folder(settings.data)
    if settings.database_url is None:
        require_writable(settings.data)
    url = settings.resolved_database_url
    move = schema.downgrade if downgrade else schema.upgrade
    move(url, revision)
    typer.echo(f"The database is at revision {schema.current(url) or 'base'}.")

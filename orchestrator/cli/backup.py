"""``orchestrator backup`` and ``orchestrator restore``: the database as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.application import Data, settings_with

File = Annotated[Path, typer.Argument(metavar="FILE", help="The file of the backup.")]


def backup(
    file: File,
    data: Data = None,
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the file where there is one.")
    ] = False,
) -> None:
    """Copy the database to a file while the service runs.

    SQLite's copy is checked. PostgreSQL's is made by pg_dump, which has to be on the PATH.
    """
    from orchestrator.adapters.sql.backup import back_up
    from orchestrator.errors import CannotBackUp

    if file.exists() and not replace:
        raise CannotBackUp(f"{file} is there already: name another file, or say --replace")
    settings = settings_with(data=data)
    back_up(settings.resolved_database_url, file)
    typer.echo(f"The database is in {file}, as it was when this began.")
    key = "ORCHESTRATOR_SECRET_KEY" if settings.secret_key else settings.data / "secret_key"
    typer.echo(f"Keep {key} as well, in another place: without it what is encrypted stays so.")


def restore(file: File, data: Data = None) -> None:
    """Put a backup in the place of the database.

    Refuses while a process of the service runs. PostgreSQL's has to be an empty database.
    """
    from orchestrator.adapters.sql import migrate
    from orchestrator.adapters.sql.backup import restore as put_in_place
    from orchestrator.adapters.valkey import held_alone
    from orchestrator.settings import make_data_folder

    settings = settings_with(data=data)
    make_data_folder(settings.data)
    url = settings.resolved_database_url
    with held_alone(settings.data):
        aside = put_in_place(url, file)
    typer.echo(f"The database is what {file} holds, at revision {migrate.current(url)}.")
    if aside:
        typer.echo(f"The one before it is {aside}.")
    typer.echo(
        "Put the secret key of its time in place, run `orchestrator migrate`, and start every "
        "process anew; then `orchestrator doctor` says whether all is well."
    )

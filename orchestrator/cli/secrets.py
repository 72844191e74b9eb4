"""``orchestrator secrets``: what is encrypted at rest, on the service's machine."""

from __future__ import annotations

import typer

from orchestrator.cli.application import Data, DeploymentFile
from orchestrator.cli.printing import AsJson, print_json
from orchestrator.cli.world import actor, ports_with

application = typer.Typer(help="What is encrypted at rest, and its keys.", no_args_is_help=True)


@application.callback()
def _group() -> None:
    """Keep `reencrypt` a command of the group, which has one so far."""


@application.command()
def reencrypt(
    data: Data = None, deployments: DeploymentFile = None, *, as_json: AsJson = False
) -> None:
    """Encrypt everything anew with the newest key, while the service runs.

    Outputs become encrypted, or no longer are, as ORCHESTRATOR_ENCRYPT_OUTPUTS says. May be ended
    and begun again. Exit status 1 where something is left that needs another key.
    """
    from orchestrator.usecases.operations.reencrypt import reencrypt as encrypt_anew

    ports = ports_with(data=data, deployments=deployments)
    try:
        done = encrypt_anew(ports, actor=actor())
    finally:
        ports.store.dispose()
    if as_json:
        print_json({"written": dict(done.written), "left": done.left, "sealed": done.sealed})
    else:
        for what, count in done.written.items():
            typer.echo(f"{count} {what} written")
        typer.echo(_summary(done.left, done.sealed))
    raise typer.Exit(int(not done.is_complete))


def _summary(left: int, sealed: int) -> str:
    if sealed:
        return (
            f"{sealed} rows cannot be read with any of the keys. Put the key that wrote them back, "
            "as the last one in ORCHESTRATOR_SECRET_KEY, and begin again."
        )
    if left:
        return (
            f"{left} rows were just written in the old way: a process still runs with the settings "
            "of before. Restart every process, and begin again."
        )
    return (
        "Nothing is left under another key than the newest. Once every process has it in front, "
        "older ones can be dropped from ORCHESTRATOR_SECRET_KEY."
    )

"""Which service a command speaks to, and how: over HTTP, or past a server on its own machine."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from orchestrator.cli.application import Data, DeploymentFile
from orchestrator.cli.profile import Profile, read_profile
from orchestrator.errors import InvalidSettings, Transient

if TYPE_CHECKING:
    from orchestrator.client import Client

URL_VARIABLE, TOKEN_VARIABLE = "ORCHESTRATOR_URL", "ORCHESTRATOR_TOKEN"

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar=URL_VARIABLE,
        help="Root of the API, to speak to a service anywhere.",
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar=TOKEN_VARIABLE,
        help="Token for --url.",
        show_envvar=True,
    ),
]

_OPTIONS = {"url": Url, "token": Token, "data": Data, "deployments": DeploymentFile}


def on_service(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which service it speaks to.

    It gets the client of that service as its first parameter, ``service``.
    """
    service, *own = inspect.signature(command).parameters.values()
    annotations = {k: v for k, v in command.__annotations__.items() if k != service.name}
    read = get_type_hints(
        SimpleNamespace(__annotations__=annotations), command.__globals__, include_extras=True
    )
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in _OPTIONS
    ]
    hints = {**read, **_OPTIONS}
    parameters = [each.replace(annotation=hints[each.name]) for each in (*own, *shared)]

    def with_service(**given: Any) -> None:
        which = {name: given.pop(name) for name in _OPTIONS}
        with connected(**which) as service:
            command(service, **given)

    functools.update_wrapper(with_service, command)
    del with_service.__wrapped__  # type: ignore[attr-defined]  # typer would read its signature
    with_service.__annotations__ = {each.name: each.annotation for each in parameters}
    # As functions may: typer reads it.
    with_service.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
    )
    return with_service


@contextmanager
def connected(
    url: str | None = None,
    token: str | None = None,
    data: Path | None = None,
    deployments: Path | None = None,
) -> Iterator[Client]:
    """The client of the service that is meant: what is named, what is here, what was logged in to.

    Raises InvalidSettings where no service is meant.
    """
    named = url is not None and data is None
    if not named and (is_here(data) or (data or deployments)):
        with _here(data=data, deployments=deployments) as service:
            yield service
        return
    profile = _named(url, token) if named else read_profile()
    if profile is None:
        raise InvalidSettings(
            f"There is no service here: {data_folder(data)} does not exist. Name one: --url URL "
            "--token TOKEN (or `orchestrator login URL`) for one that runs elsewhere, "
            "--data FOLDER for one on this machine; `orchestrator up` starts one."
        )
    from orchestrator.client import Client

    with Client(profile.url, profile.token) as service:
        yield service


def _named(url: str | None, token: str | None) -> Profile:
    """What options and environment name; the token of a login to the same address will do."""
    known = read_profile()
    if token is not None:
        return Profile(str(url), token)
    if known is not None and known.url.rstrip("/") == str(url).rstrip("/"):
        return known
    raise InvalidSettings(f"--url needs a token: --token or {TOKEN_VARIABLE}.")


def data_folder(data: Path | None = None) -> Path:
    """The data folder of a service on this machine, whether there is one or not."""
    return Path(data or os.environ.get("ORCHESTRATOR_DATA") or ".orchestrator").expanduser()


def is_here(data: Path | None = None) -> bool:
    """Whether a service on this machine is meant: it has a data folder, or a database is named."""
    return data_folder(data).exists() or bool(os.environ.get("ORCHESTRATOR_DATABASE_URL"))


@contextmanager
def _here(data: Path | None, deployments: Path | None) -> Iterator[Client]:
    # What follows takes a second to import, which no command pays that does not need it.
    from orchestrator.api.app import create_app
    from orchestrator.cli.in_process import InProcess
    from orchestrator.cli.world import actor, ports_with
    from orchestrator.client import CallRefused, Client

    ports = ports_with(data=data, deployments=deployments)
    app = create_app(ports, max_request_bytes=ports.max_request_bytes, operator=actor())
    try:
        with Client("http://localhost", "", transport=InProcess(app)) as service:
            yield service
    except CallRefused as refused:
        if refused.body.get("error") == "Busy":  # nobody else is: the database is away
            raise Transient(f"{refused.message} `orchestrator doctor` looks why.") from None
        raise
    finally:
        ports.store.dispose()

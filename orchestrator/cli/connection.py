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
from urllib.parse import urlsplit

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
    profile = meant(url, token, data, deployments)
    if profile is None:
        with _here(data=data, deployments=deployments) as service:
            yield service
        return
    from orchestrator.client import Client

    with Client(profile.url, profile.token) as service:
        yield service


def meant(
    url: str | None, token: str | None, data: Path | None, deployments: Path | None = None
) -> Profile | None:
    """The service elsewhere that is meant; None for the one on this machine.

    What says two things is refused rather than read one way. Raises InvalidSettings.
    """
    local = data is not None or deployments is not None
    if url is not None and local:
        raise InvalidSettings(
            f"Say --url (or {URL_VARIABLE}) for a service elsewhere, or --data and --deployments "
            "for one on this machine: not both."
        )
    if url is not None:
        return _named(url, token)
    if local or _is_here():
        if token is not None:
            raise InvalidSettings(
                f"--token (or {TOKEN_VARIABLE}) needs --url: the service on this machine is asked "
                "past its API, where a token limits nothing."
            )
        return None
    kept = read_profile()
    if kept is None:
        raise InvalidSettings(
            f"There is no service here: {data_folder(data)} does not exist. Name one: --url URL "
            "--token TOKEN (or `orchestrator login URL`) for one that runs elsewhere, "
            "--data FOLDER for one on this machine; `orchestrator up` starts one."
        )
    return kept if token is None else checked(kept.url, token)


def _named(url: str, token: str | None) -> Profile:
    """What options and environment name; the token of a login to the same address will do."""
    kept = read_profile()
    if token is not None:
        return checked(url, token)
    if kept is not None and kept.url == url.rstrip("/"):
        return kept
    raise InvalidSettings(f"--url needs a token: --token or {TOKEN_VARIABLE}.")


def checked(url: str, token: str) -> Profile:
    """A service and a token that can be sent. Raises InvalidSettings."""
    if not url.startswith(("http://", "https://")):
        raise InvalidSettings(f"{url} is no URL: it begins with https:// or http://.")
    if not _has_host(url):
        raise InvalidSettings(f"{url} is no URL: its host or its port cannot be read.")
    if not token.isascii() or not token.isprintable():
        raise InvalidSettings("The token has characters that no token has.")
    return Profile(url.rstrip("/"), token)


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname and parts.hostname.encode("idna") and parts.port != 0)
    except ValueError:  # that of a name with an empty part is one, too
        return False


def data_folder(data: Path | None = None) -> Path:
    """The data folder of a service on this machine, whether there is one or not."""
    meant = data or os.environ.get("ORCHESTRATOR_DATA") or ".orchestrator"
    return as_named(meant)


def as_named(path: Path | str) -> Path:
    """A path with its home folder; one below the home of nobody stays as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - leaves what it cannot expand as it is


def _is_here() -> bool:
    """Whether a service on this machine is meant: it has a data folder, or a database is named."""
    return data_folder().exists() or bool(os.environ.get("ORCHESTRATOR_DATABASE_URL"))


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

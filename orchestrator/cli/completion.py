"""What a shell completes: names of deployments, ids of executions and of open reviews.

Someone waits for it at each press of a key, so nothing of ours is imported that takes longer than
the answer: the database's file is read as it is, and a service elsewhere is asked plainly.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tomllib
from contextlib import closing
from http.client import HTTPException
from pathlib import Path
from typing import Any

import typer

from orchestrator.cli.connection import TOKEN_VARIABLE, URL_VARIABLE, data_folder, meant
from orchestrator.cli.profile import Profile
from orchestrator.errors import OrchestratorError

MOST = 50
"""How many are offered; elsewhere, among how many of the newest is looked."""

SECONDS_TO_ANSWER = 1.0

_FAILURES = (
    AttributeError,
    HTTPException,
    LookupError,
    OSError,
    TypeError,
    ValueError,
    sqlite3.Error,
)
"""What may go wrong while somebody types: then nothing is offered."""

Found = list[tuple[str, str]]


def deployment_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The deployments that begin so."""
    return [name for name, _ in _offered(ctx, incomplete, "deployments", _declared)]


def execution_ids(ctx: typer.Context, incomplete: str) -> Found:
    """Executions whose id begins so, the newest first, each with its deployment and state."""
    return _offered(ctx, incomplete, f"executions?limit={MOST}", _executions)


def review_ids(ctx: typer.Context, incomplete: str) -> Found:
    """Open reviews whose id begins so, the oldest first, each with its deployment and task."""
    return _offered(ctx, incomplete, f"reviews?limit={MOST}", _reviews)


def _offered(ctx: typer.Context, incomplete: str, call: str, here: Any) -> Found:
    """Look at the service that the command would speak to."""
    given = ctx.params
    data = given.get("data")
    try:
        elsewhere = meant(
            given.get("url") or os.environ.get(URL_VARIABLE),
            given.get("token") or os.environ.get(TOKEN_VARIABLE),
            data,
            given.get("deployments"),
        )
        found = _asked(elsewhere, call) if elsewhere else here(data, incomplete)
    except (OrchestratorError, *_FAILURES):
        return []
    return [each for each in found if each[0].startswith(incomplete)]


def _declared(_data: Path | None, _incomplete: str) -> Found:
    file = Path(os.environ.get("ORCHESTRATOR_DEPLOYMENTS") or "config/deployments.toml")
    return [(name, "") for name in tomllib.loads(file.read_text()).get("deployments", {})]


def _executions(data: Path | None, incomplete: str) -> Found:
    query = "SELECT id, deployment, state FROM executions WHERE id >= ? AND id < ? ORDER BY id DESC"
    return _read(data, query, incomplete)


def _reviews(data: Path | None, incomplete: str) -> Found:
    query = (
        "SELECT id, deployment, task_name FROM reviews "
        "WHERE state = 'PENDING' AND id >= ? AND id < ? ORDER BY id"
    )
    return _read(data, query, incomplete)


def _read(data: Path | None, query: str, incomplete: str) -> Found:
    """Rows of the service's own database file, where it has one that this version can read."""
    file = data_folder(data).resolve() / "orchestrator.db"
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
        rows = database.execute(f"{query} LIMIT {MOST}", (incomplete, f"{incomplete}~")).fetchall()
    return [(row_id, ", ".join(words)) for row_id, *words in rows]


def _asked(service: Profile, call: str) -> Found:
    from urllib.request import Request, urlopen

    request = Request(f"{service.url}/v1/{call}")  # noqa: S310 - the address is the user's own
    # Not one of the headers that a redirect to another host takes along.
    request.add_unredirected_header("Authorization", f"Bearer {service.token}")
    with urlopen(request, timeout=SECONDS_TO_ANSWER) as response:  # noqa: S310
        (listed,) = [each for each in json.load(response).values() if isinstance(each, list)]
    return [_described(each) for each in listed]


def _described(record: dict[str, Any]) -> tuple[str, str]:
    name = record.get("review_id") or record.get("execution_id") or record["name"]
    about = (record.get("deployment"), record.get("task_name") or record.get("state"))
    return name, ", ".join(word for word in about if word)

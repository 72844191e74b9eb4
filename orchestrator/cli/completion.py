"""What a shell completes: names of deployments, ids of executions and of open reviews.

Someone waits for it at each press of a key, so nothing of ours is imported that takes longer than
the answer: the database's file is read as it is, and a service elsewhere is asked plainly.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from orchestrator.cli.connection import TOKEN_VARIABLE, URL_VARIABLE, data_folder
from orchestrator.cli.profile import Profile, read_profile

MOST = 50
SECONDS_TO_ANSWER = 1.0


def deployment_names(incomplete: str) -> list[str]:
    """The deployments that begin so."""
    if elsewhere := _elsewhere():
        found = [each["name"] for each in _asked(elsewhere, "deployments")]
    else:
        file = Path(os.environ.get("ORCHESTRATOR_DEPLOYMENTS") or "config/deployments.toml")
        found = []
        with suppress(OSError, ValueError):
            found = list(tomllib.loads(file.read_text()).get("deployments", {}))
    return [name for name in found if name.startswith(incomplete)]


def execution_ids(incomplete: str) -> list[tuple[str, str]]:
    """The newest executions whose id begins so, each with its deployment and state."""
    if elsewhere := _elsewhere():
        found = [
            (each["execution_id"], f"{each['deployment']}, {each['state']}")
            for each in _asked(elsewhere, f"executions?limit={MOST}")
        ]
    else:
        found = list(_read("SELECT id, deployment, state FROM executions", "id DESC"))
    return [each for each in found if each[0].startswith(incomplete)]


def review_ids(incomplete: str) -> list[tuple[str, str]]:
    """The open reviews whose id begins so, each with its deployment and task."""
    if elsewhere := _elsewhere():
        found = [
            (each["review_id"], f"{each['deployment']}, {each['task_name']}")
            for each in _asked(elsewhere, f"reviews?limit={MOST}")
        ]
    else:
        open_ones = "SELECT id, deployment, task_name FROM reviews WHERE state = 'PENDING'"
        found = list(_read(open_ones, "id"))
    return [each for each in found if each[0].startswith(incomplete)]


def _elsewhere() -> Profile | None:
    """The service elsewhere that commands would speak to, if they would."""
    url, token = os.environ.get(URL_VARIABLE), os.environ.get(TOKEN_VARIABLE)
    if url and token:
        return Profile(url, token)
    return None if data_folder().exists() else read_profile()


def _read(query: str, order: str) -> Iterator[tuple[str, str]]:
    """Rows of the service's own database file, where it has one that this version can read."""
    file = data_folder().resolve() / "orchestrator.db"
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        for row_id, *words in db.execute(f"{query} ORDER BY {order} LIMIT {MOST}"):
            yield row_id, ", ".join(words)


def _asked(service: Profile, path: str) -> list[dict[str, str]]:
    from urllib.request import Request, urlopen

    request = Request(  # noqa: S310 - the address is the user's own
        f"{service.url.rstrip('/')}/v1/{path}",
        headers={"Authorization": f"Bearer {service.token}"},
    )
    with suppress(OSError, ValueError), urlopen(request, timeout=SECONDS_TO_ANSWER) as response:  # noqa: S310
        page: dict[str, list[dict[str, str]]] = json.load(response)
        return page[path.partition("?")[0]]
    return []

"""Telling a database that was not migrated from an error of ours: either way something lacks."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from orchestrator.adapters.sql.repetition import lacks_something
from orchestrator.errors import NotMigrated

NEEDS_ALEMBIC = "orchestrator.adapters.sql.migrate"
"""The module that imports Alembic, which nobody needs as long as nothing lacks."""


@contextmanager
def saying_what_to_run(engine: Engine) -> Iterator[None]:
    """Raise NotMigrated for what migrations of this version would have brought."""
    try:
        yield
    except DBAPIError as error:
        if lacks_something(error):
            _require_this_version(engine)
        raise


def _require_this_version(engine: Engine) -> None:
    migrations = importlib.import_module(NEEDS_ALEMBIC)
    found, needed = migrations.revision_of(engine), migrations.head()
    if found != needed and migrations.is_known(found):
        raise NotMigrated(found, needed) from None

"""A worker may start to import while the database is still being migrated, but not use it.

The lock lies in the data folder and is the kernel's: whoever dies lets go of it.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME = "schema.lock"


@contextmanager
def migrating(data: Path) -> Iterator[None]:
    """Have workers of this data folder wait for as long as the context lasts."""
    with (data / _NAME).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def await_migration(data: Path) -> None:
    """Wait until nobody migrates the database of this data folder."""
    try:
        with (data / _NAME).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH)
    except FileNotFoundError:
        return

"""A worker that may import early keeps off a database that is still being migrated."""

from __future__ import annotations

import threading
from pathlib import Path

from orchestrator.adapters.schema_lock import await_migration, migrating


def test_who_comes_while_somebody_migrates_waits_for_the_end(tmp_path: Path) -> None:
    order: list[str] = []
    came = threading.Event()

    def come() -> None:
        came.set()
        await_migration(tmp_path)
        order.append("used")

    with migrating(tmp_path):
        worker = threading.Thread(target=come)
        worker.start()
        came.wait()
        worker.join(0.3)  # as long as one that does not wait would need, many times over
        order.append("migrated")
    worker.join()
    assert order == ["migrated", "used"]


def test_nobody_waits_where_nobody_migrates(tmp_path: Path) -> None:
    await_migration(tmp_path)
    with migrating(tmp_path):
        pass
    await_migration(tmp_path)

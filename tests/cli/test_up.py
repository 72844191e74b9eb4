from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

import pytest

from orchestrator.adapters.supervisor import Supervisor, Template
from orchestrator.cli.up import run_everything
from orchestrator.errors import AlreadyRunning

if TYPE_CHECKING:
    from conftest import Command


def test_one_that_brings_no_broker_holds_its_data_folder_too(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command.settings.broker_url is not None
    monkeypatch.setattr(Supervisor, "run", lambda _: 0)
    with (command.settings.data / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(AlreadyRunning):
            run_everything(command.settings, Template([], {}))

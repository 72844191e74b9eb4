"""Sides of a comparison, each in a process of its own that works only when it is its turn."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from harness.pairs import Sample
from harness.record import BENCH

SUPPORT = BENCH.parent / "tests" / "support"

PATIENCE = 300.0
"""Seconds that a side may take for one turn, or to begin."""


class Side:
    """A script of ``sides/`` or ``peers/`` that runs ``count`` of something at a time.

    ``python`` is the interpreter of its environment, ``arguments`` what the script is made with.
    Raises RuntimeError, with the end of what it wrote, where it ends by itself or says nothing.
    """

    def __init__(
        self,
        script: str,
        folder: Path,
        arguments: Mapping[str, Any],
        python: str = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "log"
        command = [python, "-W", "ignore", str(BENCH / script), json.dumps(dict(arguments))]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=plain_environment(folder, environment or {}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def __enter__(self) -> Self:
        if self._line() != "ready":
            raise RuntimeError(self._end_of_log())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def run(self, count: int, **more: Any) -> Sample:
        """Have it work, and wait: seconds of the clock (``wall``), of the processor (``cpu``)."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"count": count, **more}) + "\n")
        self._process.stdin.flush()
        line = self._line()
        if not line:
            raise RuntimeError(self._end_of_log())
        told: dict[str, float] = json.loads(line)
        return told

    def _line(self) -> str:
        told = self._process.stdout
        assert told is not None
        if not select.select([told], [], [], PATIENCE)[0]:
            return ""
        return told.readline().strip()

    def _end_of_log(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])


class Restarted:
    """A side that is started again where it gives up in the middle of a turn, with a new database.

    ``gave_up`` has the last line of what it wrote, for each time. Raises RuntimeError where it does
    not start at first.
    """

    def __init__(self, make: Callable[[], Side]) -> None:
        self._make = make
        self.gave_up: list[str] = []
        self._side = make().__enter__()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._side.__exit__()

    def run(self, count: int) -> Sample:
        """As a side does; nothing where it gave up again and again."""
        for _ in range(TRIES):
            try:
                return self._side.run(count)
            except (RuntimeError, OSError) as error:
                self.gave_up.append(str(error).splitlines()[-1] if str(error) else "no word")
                self._side.__exit__()
                self._side = self._make().__enter__()
        return {}


TRIES = 2
"""How often a turn is tried."""


def plain_environment(folder: Path, more: Mapping[str, str]) -> dict[str, str]:
    """The environment without settings of this project; what a side keeps is kept in its folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ORCHESTRATOR_")}
    own = {
        "PYTHONPATH": os.pathsep.join((str(BENCH), str(SUPPORT))),
        "HOME": str(folder),
        "CREWAI_STORAGE_DIR": str(folder / "crewai"),
        "CREWAI_DISABLE_TELEMETRY": "true",
        "OTEL_SDK_DISABLED": "true",
    }
    return {**kept, **own, **more}

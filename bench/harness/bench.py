"""What a bench is given, and how it is found by name."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TypeVar

from harness.databases import Databases
from harness.record import BENCH

T = TypeVar("T")

PEERS = BENCH.parent / ".cache" / "peers"
"""The environment of the peers, built once; git ignores it."""

_numbers = count()


@dataclass
class Bench:
    """A folder of its own, databases, and which form is asked for: long, brief or short."""

    folder: Path
    databases: Databases
    form: str

    @property
    def short(self) -> bool:
        """Whether it is only to be shown that the bench works."""
        return self.form == "short"

    def scale(self, long: T, short: T) -> T:
        """How much is done, by the form."""
        return short if self.short else long

    def rounds(self, long: tuple[int, int], short: tuple[int, int]) -> tuple[int, int]:
        """How many rounds, and how much in each; the brief form has a third of the rounds."""
        if self.form == "brief":
            return max(3, long[0] // 3), long[1]
        return self.scale(long, short)

    def new_folder(self, name: str) -> Path:
        """A new folder that nothing else uses."""
        made = self.folder / f"{name}-{next(_numbers)}"
        made.mkdir(parents=True)
        return made

    @cached_property
    def peers(self) -> str:
        """The interpreter of the peers' environment. Raises SystemExit where it was not built."""
        found = PEERS / "bin" / "python"
        if not found.exists():
            raise SystemExit("The peers are not installed: make .cache/peers/done")
        return str(found)

    def version_of(self, package: str) -> str:
        """The version of a peer."""
        code = f"import importlib.metadata as m; print(m.version({package!r}))"
        asked = subprocess.run([self.peers, "-c", code], capture_output=True, text=True, check=True)
        return asked.stdout.strip()


PYTHON = sys.executable

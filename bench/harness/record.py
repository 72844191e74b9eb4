"""What a bench found: measures and ratios, each with its spread and its aim, as one JSON file."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sqlite3
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from harness.pairs import Spread

BENCH = Path(__file__).parents[1]
RESULTS = BENCH / "results"
PACKAGES = ("crew-orchestrator", "celery", "crewai", "kombu", "psycopg", "redis", "sqlalchemy")


@dataclass(frozen=True, slots=True)
class Aim:
    """What a figure should be: at most or at least ``value``.

    ``of`` says which part of the spread is meant: ``median``, ``high`` (upper quartile) or
    ``most``.
    """

    how: str
    value: float
    of: str = "median"

    def is_met(self, spread: Spread) -> bool:
        """Whether the figure is what it should be."""
        found: float = getattr(spread, self.of)
        return found <= self.value if self.how == "at most" else found >= self.value


def at_most(value: float, of: str = "median") -> Aim:
    """The figure should not exceed the value."""
    return Aim("at most", value, of)


def at_least(value: float, of: str = "median") -> Aim:
    """The figure should reach the value."""
    return Aim("at least", value, of)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. A ratio has no unit, and says what it is ``beside``."""

    what: str
    unit: str
    spread: Spread
    aim: Aim | None = None
    beside: str = ""

    @property
    def verdict(self) -> str:
        """Whether the aim is met; empty without one."""
        if self.aim is None:
            return ""
        return "yes" if self.aim.is_met(self.spread) else "no"


@dataclass
class Record:
    """What one bench found in one run; ``scale`` says how much was done."""

    bench: str
    title: str
    scale: Mapping[str, Any]
    figures: list[Figure] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def measure(
        self, what: str, unit: str, values: Sequence[float], aim: Aim | None = None
    ) -> None:
        """Note values in a unit."""
        self.figures.append(Figure(what, unit, Spread.of(values), aim))

    def ratio(
        self, what: str, beside: str, values: Sequence[float], aim: Aim | None = None
    ) -> None:
        """Note ratios: ours by that of what it was measured beside."""
        self.figures.append(Figure(what, "", Spread.of(values), aim, beside))

    def lacks(self, what: str) -> None:
        """Note what could not be measured, and why."""
        self.missing.append(what)

    def as_json(self, form: str) -> dict[str, Any]:
        """All of it, with what it was measured on."""
        return {
            "bench": self.bench,
            "title": self.title,
            "form": form,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": commit(),
            "seconds": round(time.monotonic() - self.began, 1),
            "machine": machine(),
            "scale": dict(self.scale),
            "figures": [asdict(each) for each in self.figures],
            "missing": self.missing,
        }


def write(record: Record, folder: Path, form: str) -> Path:
    """Write the record as the bench's file in that folder, in place of an earlier one."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{record.bench}.json"
    path.write_text(json.dumps(rounded(record.as_json(form)), indent=1) + "\n")
    return path


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Every record of a folder, by the name of its bench."""
    found = (json.loads(path.read_text()) for path in sorted(folder.glob("*.json")))
    return {each["bench"]: each for each in found}


def figure(entry: Mapping[str, Any]) -> Figure:
    """A figure as it was written."""
    aim = entry["aim"]
    return Figure(
        entry["what"],
        entry["unit"],
        Spread(**entry["spread"]),
        Aim(**aim) if aim else None,
        entry["beside"],
    )


def rounded(value: Any) -> Any:
    """The same with numbers of five digits: more of them is noise."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return value


def machine() -> dict[str, Any]:
    """Cores, memory, processor, and the versions of what matters."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "processor": processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: version(name) for name in PACKAGES},
    }


def processor() -> str:
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def version(package: str) -> str:
    """The installed version, empty where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def commit() -> str:
    """The commit that was measured; a ``+`` says that the product had been changed since."""
    head = git("rev-parse", "--short=12", "HEAD")
    changed = git("status", "--porcelain", "--", "orchestrator", "workers")
    return f"{head}+" if changed else head


def git(*arguments: str) -> str:
    """What git says; empty where there is none."""
    asked = subprocess.run(
        ["git", *arguments], cwd=BENCH, capture_output=True, text=True, check=False
    )
    return asked.stdout.strip()

"""Run benches by name, or all of them: ``python bench/run.py [--brief | --short] [NAME …]``.

Each writes ``bench/results/NAME.json``. The brief form has a third of the rounds; the short one,
which proves that the benches work and measures nothing, writes below ``build/``.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path

BENCH = Path(__file__).parent
sys.path[1:1] = [str(BENCH / "sides"), str(BENCH.parent / "tests" / "support")]

from harness import page, record  # noqa: E402 - after the path is set
from harness.bench import Bench  # noqa: E402
from harness.databases import databases  # noqa: E402

BENCHES = (
    "cycle",
    "step",
    "service_cycle",
    "start",
    "load",
    "idle",
    "flows",
    "history",
    "outputs",
    "races",
    "storm",
    "inbox",
    "analytics",
    "listeners",
    "webhooks",
)
"""What is run without a name; ``waiting`` takes half an hour for itself."""


def main() -> None:
    """Run, write, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--short", action="store_const", const="short", dest="form")
    forms.add_argument("--brief", action="store_const", const="brief", dest="form")
    asked = parser.parse_args()
    form = asked.form or "long"
    folder = BENCH.parent / "build" / "bench" if form == "short" else record.RESULTS
    for name in asked.names or BENCHES:
        print(f"{name} …", file=sys.stderr, flush=True)
        run_one(name, folder, form)
    found = record.read(folder)
    print(page.table([found[name] for name in asked.names or BENCHES]))


def run_one(name: str, folder: Path, form: str) -> None:
    """One bench, with a folder and a PostgreSQL of its own."""
    module = importlib.import_module(name)
    with (
        tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as made,
        databases(Path(made)) as servers,
    ):
        found = module.run(Bench(Path(made), servers, form))
    record.write(found, folder, form)


if __name__ == "__main__":
    main()

"""What a killed worker costs, in calls: with the journal, and without.

A real CrewAI crew whose one task makes nineteen calls: ten of a model (a scripted one, without a
network) and nine of tools. A process that runs it is killed in the middle of call k; another runs
the task to its end. Counted is what both called to its end: the call that was under way is lost in
any case. Then what the journal itself costs: the
milliseconds of one call's line, and of one answer that is served, on SQLite, and on PostgreSQL
where ``BENCH_POSTGRES`` names an empty database.

    python -W ignore bench/journal.py
"""
# ruff: noqa: PLC0415 - CrewAI is imported once its folder is set; a bench prints

from __future__ import annotations

import argparse
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tests" / "crews")]

KILLED_AT = (1, 5, 10, 15, 19)
ANSWER = "An answer of a model, as long as they often are. " * 40
INPUTS = {"who": "Ada"}


def main() -> None:
    """Count, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("calls", nargs="?", type=int, default=300)
    calls = parser.parse_args().calls
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="bench-") as made:
        folder = Path(made)
        os.environ["CREWAI_STORAGE_DIR"] = str(folder / "crewai")
        bench_kills(folder)
        bench_cost("SQLite", f"sqlite:///{folder}/cost.db", calls)
        if "BENCH_POSTGRES" in os.environ:
            bench_cost("PostgreSQL", os.environ["BENCH_POSTGRES"], calls)


def bench_kills(folder: Path) -> None:
    """Kill at several calls; this process itself kicks nothing off, so that it can fork."""
    from orchestrator.adapters.runners.crewai import CrewaiRunner

    runner = CrewaiRunner(folder / "crewai")
    runner.import_crewai()
    print("a task of 10 calls of a model and 9 of tools, killed in the middle of call k")
    print(f"  {'k':>4}  {'with the journal':>24}  {'without':>24}")
    for at in KILLED_AT:
        counted = [_counted(folder, runner, at, journal=journal) for journal in (True, False)]
        shown = [f"{models} of a model, {tools} of tools" for models, tools in counted]
        print(f"  {at:>4}  {shown[0]:>24}  {shown[1]:>24}")


def _counted(folder: Path, runner: Any, at: int, *, journal: bool) -> tuple[int, int]:
    """How many calls were made of models and of tools, by both processes."""
    from orchestrator.usecases.executions.claims import end_claims_of_lost_child

    log = folder / f"calls-{at}-{journal}"
    log.with_suffix(".kill").write_text(str(at))
    world = _world(f"sqlite:///{folder}/{log.name}.db", runner, journal=journal)
    execution_id = world.kickoff(inputs=INPUTS)
    job = world.jobs.pop(0)
    world.ports.store.dispose()
    _in_child(lambda: world.run(job), log)
    end_claims_of_lost_child(world.ports, "w-1", job.arguments["task_run_id"])
    world.hurry()
    world.ports.store.dispose()
    _in_child(lambda: world.run(job), log)
    state = world.snapshot(execution_id).execution.state
    if state != "SUCCEEDED":
        raise SystemExit(f"the execution is {state}")
    world.ports.store.dispose()
    made = log.read_text().splitlines()
    return made.count("model"), len(made) - made.count("model")


def _world(url: str, runner: Any, *, journal: bool) -> Any:
    from conftest import CrewWorld
    from world import plan_of, world_over

    from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
    from orchestrator.adapters.sql.migrate import upgrade
    from orchestrator.domain.deployment import Deployment
    from orchestrator.usecases.operations.load_deployments import load_deployments

    upgrade(url)
    bare = world_over(url, plan_of("none"))
    deployment = Deployment("crew", RunnerKind.CREWAI, "projects.errands:make", journal=journal)
    ports = replace(
        bare.ports,
        runners={RunnerKind.CREWAI: runner},
        deployments=DeploymentFile({"crew": deployment}),
    )
    load_deployments(ports, "w-1", ports.deployments.queues())
    return CrewWorld(ports, runner, bare.jobs)


def _in_child(work: Callable[[], object], log: Path) -> None:
    """Do it in a process of its own, and wait for its end, whatever that is."""
    child = os.fork()
    if child == 0:
        os.environ["ERRANDS"] = str(log)
        sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - it ends with us
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def bench_cost(name: str, url: str, calls: int) -> None:
    """What a line costs, and an answer that is served, one after the other."""
    from world import plan_of, world_over

    from orchestrator.adapters.sql.migrate import upgrade
    from orchestrator.domain.calls import AskedCall, CallKind, ToolRules
    from orchestrator.usecases.executions.call_journal import ClaimedJournal

    upgrade(url)
    world = world_over(url, plan_of("write"))
    execution_id = world.kickoff()
    (run,) = world.snapshot(execution_id).runs
    now = world.ports.clock.now()
    run = world.ports.store.transact(lambda tx: tx.task_runs.save(run, run.claim("w-1", now, now)))
    asked = [AskedCall("write", CallKind.MODEL, "m", f"sha256:{n:064}") for n in range(calls)]
    taken: dict[str, list[float]] = {}
    for what in ("written", "served"):
        taken[what] = []
        journal = ClaimedJournal(world.ports, "bench", run, ToolRules())
        for each in asked:
            began = time.perf_counter()
            given: Any = journal.ask(each, lambda answer: answer)
            if what == "written":
                journal.answered(given, ANSWER, {"total_tokens": 900})
            elif given.value != ANSWER:
                raise SystemExit(f"{given} was served")
            taken[what].append((time.perf_counter() - began) * 1000)
    world.ports.store.dispose()
    print(f"\none call in the journal, {name}, an answer of {len(ANSWER)} bytes, ms of {calls}")
    for what, each in taken.items():
        ordered = sorted(each)
        p99 = ordered[int(len(ordered) * 0.99)]
        print(f"  {what:10} median {statistics.median(each):5.2f}   99th percentile {p99:6.2f}")


if __name__ == "__main__":
    main()

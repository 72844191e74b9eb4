"""A thousand reviews, each answered twice at once: how often the step after ran twice."""

from __future__ import annotations

from harness.bench import Bench
from harness.databases import POSTGRES, SQLITE
from harness.record import Record, at_most
from harness.sides import Side

TITLE = "Each review answered twice at once"
OURS = "Crew Orchestrator"


def run(bench: Bench) -> Record:
    """Executions in which the step after the review ran more than once, or never."""
    count = bench.scale(1000, 20)
    record = Record("races", TITLE, {"doubled answers of each": count})
    databases = bench.databases
    sqlite, postgres = databases.new(SQLITE), databases.new(POSTGRES)
    peer = {"url": databases.empty(SQLITE)}
    sides = {
        f"{OURS}, {SQLITE}": ("sides/races_ours.py", {"url": sqlite}, None),
        f"{OURS}, {POSTGRES}": ("sides/races_ours.py", {"url": postgres}, None),
        "CrewAI's from_pending().resume()": ("sides/races_crewai.py", {}, None),
        "LangGraph's Command(resume)": ("peers/races_langgraph.py", peer, bench.peers),
    }
    for name, (script, arguments, python) in sides.items():
        more = {"python": python} if python else {}
        try:
            with Side(script, bench.new_folder("races"), arguments, **more) as side:
                told = side.run(count)
        except RuntimeError as error:
            if name.startswith(OURS):
                raise
            record.lacks(f"{name} gave up: {str(error).splitlines()[-1]}")
            continue
        ours = name.startswith(OURS)
        for key, what in (("twice", "ran more than once"), ("never", "never ran")):
            aim = at_most(0) if ours else None
            record.measure(f"{name}: {what}", "executions", [told[key]], aim)
    return record

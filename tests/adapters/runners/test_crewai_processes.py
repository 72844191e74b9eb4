"""Each task of a crew in a process of its own: nothing but JSON goes from one to the next."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.crewai,
    pytest.mark.processes,
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
]

SUPPORT = str(Path(__file__).parents[2] / "support")
CREW = """
from crewai import Agent, Crew, Task
from scripted_model import Scripted

llm = Scripted(lambda prompt: "Thought: ok\\nFinal Answer: [" + prompt[-400:] + "]")
who = Agent(role="Writer", goal="write", backstory="b", llm=llm)
research = Task(description="facts about {topic}", expected_output="x", agent=who)
write = Task(description="article about {topic}", expected_output="x", agent=who)
crew = Crew(agents=[who], tasks=[research, write], before_kickoff_callbacks=[dict])
"""
RUN_ONE = """
import json, sys
from orchestrator.adapters.runners.crewai import CrewaiRunner
from orchestrator.domain.history import Committed
from orchestrator.domain.work import Work
from orchestrator.adapters.deployment_file import RunnerKind
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.output import Output

class Deaf:
    journal = None
    def check(self): pass
    def step(self, step): pass
    def event(self, kind, data): pass

index, stored = json.load(sys.stdin)
outputs = {int(i): Output.from_json(output) for i, output in stored.items()}
runner, deployment = CrewaiRunner(), Deployment("demo", RunnerKind.CREWAI, "users_code:crew")
plan = runner.plan(deployment)
history = tuple(Committed(plan.tasks[i].name, output) for i, output in outputs.items())
work = Work("e-1", "demo", plan, plan.tasks[index].name, 1, {"topic": "tea"}, history)
result = runner.run(deployment, work, Deaf())
print("RESULT", plan.digest, json.dumps(result.output.to_json()))
"""


def run_one(folder: Path, index: int, outputs: dict[int, object]) -> tuple[str, object]:
    """Run one planned task in a new process; returns the plan's digest and the output."""
    done = subprocess.run(
        [sys.executable, "-c", RUN_ONE],
        input=json.dumps([index, outputs]),
        cwd=folder,
        env={"CREWAI_STORAGE_DIR": str(folder), "HOME": str(folder), "PYTHONPATH": SUPPORT},
        check=True,
        capture_output=True,
        text=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    _, digest, output = line.split(" ", 2)
    return digest, json.loads(output)


def test_a_task_goes_on_in_another_process(tmp_path: Path) -> None:
    (tmp_path / "users_code.py").write_text(CREW)
    inputs = {"raw": "", "json": {"topic": "milk"}}
    here, first = run_one(tmp_path, 1, {0: inputs})
    there, second = run_one(tmp_path, 2, {0: inputs, 1: first})
    assert here == there
    assert "facts about milk" in first["raw"]
    assert first["raw"] in second["raw"]

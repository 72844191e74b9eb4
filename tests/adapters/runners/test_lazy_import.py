from __future__ import annotations

import subprocess
import sys

PLAN = """
import sys
from orchestrator.adapters.runners.crewai import CrewaiRunner
from orchestrator.adapters.runners.functions import FunctionsRunner
from orchestrator.adapters.deployment_file import RunnerKind
from orchestrator.domain.deployment import Deployment
from orchestrator.errors import DeploymentBroken

CrewaiRunner()
"""


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PLAN + code], check=True, capture_output=True, text=True
    )
    return done.stdout


def test_the_runners_do_not_import_crewai() -> None:
    assert python("print('crewai' in sys.modules)") == "False\n"


def test_without_crewai_the_sentence_says_how_to_get_it() -> None:
    told = python("""
sys.modules["crewai"] = None
try:
    CrewaiRunner().plan(Deployment("demo", RunnerKind.CREWAI, "json:loads"))
except DeploymentBroken as broken:
    print(broken.message)
""")
    assert "No module named 'crewai" in told
    assert 'pip install "crew-orchestrator[crewai]"' in told

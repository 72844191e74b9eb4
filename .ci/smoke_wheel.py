"""Build the wheel, install it alone into a new environment elsewhere, and run a crew with it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[1]
UV = Path(sys.executable).with_name("uv")
TOKEN = "wheel-smoke-token"  # noqa: S105 - lives as long as this script

STEPS = """
def draft(call):
    return f"About {call.inputs['topic']}"

crew = [draft]
"""


def main() -> None:
    """Exit status 0 only if the wheel holds what it must, and an execution ran to its end."""
    with tempfile.TemporaryDirectory(prefix="wheel-") as made:
        folder = Path(made)
        wheel = build(folder)
        check_top_level(wheel)
        python = install(wheel, folder)
        run_a_crew(python, folder)
    print("The wheel works on its own.")


def build(folder: Path) -> Path:
    """Build from a copy of what git tracks and the image is built from, and of nothing else."""
    source = folder / "source"
    source.mkdir()
    archive = folder / "source.tar"
    command = ["git", "-C", ROOT, "archive", "-o", archive, "HEAD", *built_from()]
    subprocess.run(command, check=True)
    subprocess.run(["tar", "-xf", archive, "-C", source], check=True)
    subprocess.run([UV, "build", "--wheel", "--quiet", "-o", folder, source], check=True)
    return next(folder.glob("*.whl"))


def built_from() -> list[str]:
    """What the first stage of the Dockerfile copies."""
    build_stage, _, _ = (ROOT / "Dockerfile").read_text().partition("RUN /app/venv/bin/pip")
    copied = re.findall(r"^COPY (.+) \S+$", build_stage, re.MULTILINE)
    return [name for names in copied for name in names.split()]


def check_top_level(wheel: Path) -> None:
    """The wheel installs two packages, and no ``config`` that would hide somebody else's."""
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    packages = {name for name in names if not name.endswith(".dist-info")}
    if packages != {"orchestrator", "workers"}:
        raise SystemExit(f"the wheel's top level is {sorted(packages)}")


def install(wheel: Path, folder: Path) -> Path:
    """Install the wheel, without extras, into a new environment."""
    environment = folder / "environment"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run([UV, "pip", "install", "--quiet", "--python", python, wheel], check=True)
    make_a_project(python, folder)
    return python


def make_a_project(python: Path, folder: Path) -> None:
    """The wheel has the examples that ``orchestrator init`` copies, the hidden file among them."""
    command = [python.with_name("orchestrator"), "init", folder / "first"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    made = {path.name for path in (folder / "first").iterdir()}
    if not {".env.example", "config", "newsletter.py", "test_newsletter.py"} <= made:
        raise SystemExit(f"a new project has only {sorted(made)}")


def run_a_crew(python: Path, folder: Path) -> None:
    """Start the service by the absolute path of its command, and run one execution."""
    (folder / "steps.py").write_text(STEPS)
    (folder / "deployments.toml").write_text('[deployments.steps]\nfunctions = "steps:crew"\n')
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [python.with_name("orchestrator"), "up", "--port", str(port)]
    command += ["--data", folder / "data", "--deployments", folder / "deployments.toml"]
    environment = {"ORCHESTRATOR_API_TOKEN": TOKEN, "HOME": str(folder), "PATH": os.defpath}
    service = subprocess.Popen(command, cwd=folder, env=environment)
    try:
        base = f"http://127.0.0.1:{port}"
        await_ok(f"{base}/healthz")
        kickoff(base)
    finally:
        service.terminate()
        status = service.wait(timeout=60)
    if status != 0:
        raise SystemExit(f"the service ended with status {status}")


def await_ok(url: str) -> None:
    """Wait until the service is ready."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"{url} did not answer 200")


def kickoff(base: str) -> None:
    """Run one execution to its end."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    body = {"inputs": {"topic": "wheels"}}
    told = requests.post(f"{base}/kickoff", json=body, headers=headers, timeout=10).json()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        url = f"{base}/status/{told['kickoff_id']}"
        status = requests.get(url, headers=headers, timeout=10).json()
        if status["status"] == "completed":
            return
        time.sleep(0.1)
    raise SystemExit(f"the execution did not end: {status}")


if __name__ == "__main__":
    main()

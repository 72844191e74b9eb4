"""The main job over a real Redis and a real RabbitMQ: halt, feedback, the end."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from orchestrator.client import Client

TOKEN = "broker-smoke-token"  # noqa: S105 - lives as long as this script
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"

STEPS = """
from orchestrator import task

def draft(call):
    return f"About {call.inputs['topic']}"

@task(human_input=True)
def write(call):
    return f"{call.context} {call.feedback}"

crew = [draft, write]
"""


def main() -> None:
    """Exit status 0 only if the job ran to its end over both."""
    for name, broker in (("Redis", redis), ("RabbitMQ", rabbitmq)):
        with tempfile.TemporaryDirectory(prefix="broker-") as made:
            folder = Path(made)
            with broker(folder) as url:
                run_the_main_job(url, folder)
        print(f"The main job runs over {name}.")


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A Redis of Debian's, on a free port of loopback."""
    port = free_port()
    command = [found("redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
    command += ["--dir", str(folder), "--appendonly", "yes", "--maxmemory-policy", "noeviction"]
    with running(command, {}, folder / "redis.log"):
        await_port(port)
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def rabbitmq(folder: Path) -> Iterator[str]:
    """A RabbitMQ of Debian's, on free ports of loopback, with its files in the folder."""
    port, distribution = free_port(), free_port()
    environment = {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"smoke{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
    }
    server = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # the one in sbin insists on a user of its own
    with running([server], environment, folder / "rabbitmq.log"):
        await_port(port)
        yield f"amqp://guest:guest@127.0.0.1:{port}//"


def run_the_main_job(broker_url: str, folder: Path) -> None:
    """Kick off, ask for a change, approve, and see it end."""
    (folder / "steps.py").write_text(STEPS)
    (folder / "deployments.toml").write_text('[deployments.steps]\nfunctions = "steps:crew"\n')
    port = free_port()
    command = [sys.executable, "-m", "orchestrator", "up", "--port", str(port)]
    command += ["--data", str(folder / "data"), "--deployments", str(folder / "deployments.toml")]
    environment = {
        "ORCHESTRATOR_API_TOKEN": TOKEN,
        "ORCHESTRATOR_BROKER_URL": broker_url,
        "PYTHONPATH": str(folder),
    }
    base = f"http://127.0.0.1:{port}"
    with running(command, environment, folder / "up.log"), Client(base, TOKEN) as client:
        until(lambda: requests.get(f"{base}/healthz", timeout=5).ok, "the service")
        execution_id = client.kickoff("steps", {"topic": "brokers"})
        first = client.wait("steps", execution_id).pending[0]
        client.reject("steps", execution_id, first, "more")
        second = client.wait("steps", execution_id, answered=frozenset({first.id})).pending[0]
        if "more" not in second.output:
            raise SystemExit("the feedback did not reach the retry")
        client.approve("steps", execution_id, second)
        ended = client.wait("steps", execution_id, answered=frozenset({first.id, second.id}))
        if ended.status != "completed":
            raise SystemExit(f"the execution ended as {ended.status}: {ended.error}")


@contextmanager
def running(command: list[str], environment: dict[str, str], log_path: Path) -> Iterator[None]:
    """A process for as long as the context lasts; its log is shown when something fails."""
    everything = {**os.environ, "PATH": PATH, **environment}
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, env=everything, stdout=log, stderr=log)
        try:
            yield
        except BaseException:
            print(log_path.read_text(errors="replace")[-4000:], file=sys.stderr)
            raise
        finally:
            process.terminate()
            process.wait(timeout=60)


def found(name: str) -> str:
    """The absolute path of a command."""
    path = shutil.which(name, path=PATH)
    if path is None:
        raise SystemExit(f"{name} is not installed")
    return path


def free_port() -> int:
    """A port of loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def await_port(port: int) -> None:
    """Wait until somebody listens."""

    def listens() -> bool:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True

    until(listens, f"port {port}")


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, with an end."""
    give_up = time.monotonic() + 120
    while time.monotonic() < give_up:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"{what} did not come up")


if __name__ == "__main__":
    main()

"""The demo: the whole service, a real crew, a flow, and you as the person whom they ask."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

import orchestrator.demo
from orchestrator.client import Client, ExecutionStatus, OpenReview
from orchestrator.errors import OrchestratorError

CREW, FLOW = "article", "letter"
SEND, REVISE = "send", "revise"
"""The options of the flow's review."""

FIRST_CHANGE = "Mention barn owls, and keep it short."
"""What the demo asks for by itself where there is no terminal to ask at."""

SECONDS_TO_START = 180.0

console = Console()


class DemoFailed(OrchestratorError):
    """The demo did not go as it must."""


def show_everything(topic: str) -> None:
    """Run a crew and then a flow, and ask the person here about what they wrote."""
    with tempfile.TemporaryDirectory(prefix="orchestrator-demo-") as folder:
        with _service(Path(folder)) as client:
            console.rule("A crew: a researcher, a writer, an editor")
            _show_execution(client, CREW, topic)
            console.rule("A flow: a letter, with a review that offers options")
            _show_execution(client, FLOW, topic)
        console.print("The service has stopped in order. That was all of it.")


@contextmanager
def _service(folder: Path) -> Iterator[Client]:
    """Run ``orchestrator up`` on a free port for as long as the context lasts."""
    port, token = _free_port(), secrets.token_urlsafe(32)
    environment = {**os.environ, "ORCHESTRATOR_API_TOKEN": token}
    deployments = Path(orchestrator.demo.__file__).with_name("deployments.toml")
    command = [sys.executable, "-m", "orchestrator", "up", "--port", str(port)]
    command += ["--data", str(folder / "data"), "--deployments", str(deployments)]
    log_path = folder / "up.log"
    with log_path.open("wb") as log:
        service = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603
        try:
            url = f"http://127.0.0.1:{port}"
            console.print(f"Starting the service on {url} …")
            _await_health(url, service, log_path)
            with Client(url, token) as client:
                yield client
        finally:
            service.send_signal(signal.SIGTERM)
            status = service.wait()
    if status != 0:
        raise DemoFailed(f"the service ended with status {status}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_health(url: str, service: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until and service.poll() is None:
        try:
            if requests.get(f"{url}/healthz", timeout=5).ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.2)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise DemoFailed(f"the service did not become ready. Its last lines:\n{tail}")


def _show_execution(client: Client, deployment: str, topic: str) -> None:
    execution_id = client.kickoff(deployment, {"topic": topic})
    console.print(f"Kicked off execution [bold]{execution_id}[/bold] about {topic!r}.")
    status = _answer_until_the_end(client, deployment, execution_id)
    console.print(Panel(status.result or "", title=f"The result of '{deployment}'"))
    _show_timeline(client, execution_id)


def _answer_until_the_end(client: Client, deployment: str, execution_id: str) -> ExecutionStatus:
    answered: list[OpenReview] = []
    words = ""
    while True:
        done = frozenset(review.id for review in answered)
        status = client.wait(deployment, execution_id, seconds=SECONDS_TO_START, answered=done)
        if status.has_ended:
            _require_a_true_run(status, answered)
            return status
        review = next(each for each in status.pending if each.id not in done)
        _require_change(answered, review, words)
        _show_review(review)
        words = _ask(review)
        console.print(f"-> {_answer(client, deployment, execution_id, review, words)}")
        answered.append(review)


def _answer(
    client: Client, deployment: str, execution_id: str, review: OpenReview, words: str
) -> str:
    """Give the person's answer: an option where there are some, else a verdict."""
    if review.options:
        outcome = REVISE if words else SEND
        return client.choose(deployment, execution_id, review, outcome, words)
    if words:
        return client.reject(deployment, execution_id, review, words)
    return client.approve(deployment, execution_id, review)


def _ask(review: OpenReview) -> str:
    """What the person wants changed; nothing to approve, or to send."""
    verb = SEND if review.options else "approve"
    if sys.stdin.isatty():
        return console.input(f"[bold]Enter to {verb}, or say what to change:[/bold] ").strip()
    words = FIRST_CHANGE if review.round == 1 else ""
    console.print(f"No terminal here: the demo says {words or verb!r} by itself.")
    return words


def _require_change(answered: list[OpenReview], review: OpenReview, words: str) -> None:
    if words and review.output == answered[-1].output:
        raise DemoFailed("the task ran again, but the feedback changed nothing")


def _require_a_true_run(status: ExecutionStatus, answered: list[OpenReview]) -> None:
    if status.status != "completed":
        raise DemoFailed(f"the execution ended as {status.status}: {status.error}")
    if not answered or not status.result:
        raise DemoFailed("the execution ended without asking anybody, or without a result")


def _show_review(review: OpenReview) -> None:
    title = f"{review.task_name}, round {review.round}: waits for you"
    console.print(Panel(review.output, title=title))


def _show_timeline(client: Client, execution_id: str) -> None:
    table = Table("at", "event", "task", "round", "by", title="Timeline")
    for entry in client.timeline(execution_id):
        round_ = entry.get("round")
        at = str(entry["at"])[11:23]
        table.add_row(
            at, entry["event"], entry.get("task_name") or "", str(round_ or ""), entry["actor"]
        )
    console.print(table)

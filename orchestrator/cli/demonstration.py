"""The demo: the whole service, a real crew, a flow, and you as the person whom they ask."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

import orchestrator.demo
from orchestrator.cli.mail_demonstration import newest_mail, reply_to, text_of
from orchestrator.cli.printing import print_records
from orchestrator.client import Client, ExecutionStatus, OpenReview
from orchestrator.errors import OrchestratorError
from orchestrator.testing import free_port, running_service

CREW, FLOW, MAILED = "article", "letter", "letter-by-mail"
ASKED = "you@example.com"
"""Whom the policy of the last deployment asks."""
SEND, REVISE = "send", "revise"
"""The options of the flow's review."""

FIRST_CHANGE = "Mention barn owls, and keep it short."
"""What the demo asks for by itself where there is no terminal to ask at."""

SECONDS_TO_WAIT = 180.0

console = Console()


class DemoFailed(OrchestratorError):
    """The demo did not go as it must."""


def show_everything(topic: str) -> None:
    """Run a crew and then a flow, and ask the person here about what they wrote."""
    console.print("Starting the service …")
    deployments = Path(orchestrator.demo.__file__).with_name("deployments.toml")
    by_mail = find_spec("aiosmtpd") is not None
    with TemporaryDirectory(prefix="orchestrator-demo-") as folder:
        data, port = Path(folder) / "data", free_port()
        sink = ("--mail-sink", "--mail-sink-port", str(port)) if by_mail else ()
        with running_service(deployments, options=("--data", str(data), *sink)) as client:
            console.rule("A crew: a researcher, a writer, an editor")
            _show_execution(client, CREW, topic)
            console.rule("A flow: a letter, with a review that offers options")
            _show_execution(client, FLOW, topic)
            console.rule("The same letter, answered by mail")
            if by_mail:
                _show_mail(client, topic, data / "mail", port)
            else:
                console.print("Left out: it needs pip install 'crew-orchestrator[mail]'")
    console.print("The service has stopped in order. That was all of it.")


def _show_mail(client: Client, topic: str, mails: Path, port: int) -> None:
    """A person without an account replies to the mail that asks them."""
    execution_id = client.kickoff(MAILED, {"topic": topic})
    console.print(f"Kicked off execution [bold]{execution_id}[/bold]; its policy asks {ASKED}.")
    answered: list[OpenReview] = []
    while True:
        done = frozenset(review.id for review in answered)
        status = client.wait(MAILED, execution_id, seconds=SECONDS_TO_WAIT, answered=done)
        if status.has_ended:
            break
        review = next(each for each in status.pending if each.id not in done)
        mail = newest_mail(mails, len(answered))
        console.print(Panel(escape(text_of(mail)), title=f"A mail to {ASKED}: {mail['Subject']}"))
        words = _ask(review)
        said = f"{REVISE}\n\n{words}" if words else SEND  # an option in the first line decides
        reply_to(mail, said, port)
        console.print(f"-> Replied: {said!r}")
        answered.append(review)
    _require_a_true_run(status, answered)
    console.print(Panel(status.result or "", title=f"The result of '{MAILED}'"))
    _show_timeline(client, execution_id)


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
        status = client.wait(deployment, execution_id, seconds=SECONDS_TO_WAIT, answered=done)
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
    console.print("Timeline")
    entries = [{**each, "at": str(each["at"])[11:23]} for each in client.timeline(execution_id)]
    print_records(entries, ("at", "event", "task_name", "round", "actor"), as_json=False)

"""The jobs and the queues they are sent to, by name.

Names are part of the public contract (operators see them, producers send two of them), so none is
derived from where the code happens to live. A job carries ids only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

FORMAT = 1
"""The version that every job carries as ``v``."""

CREWS = "crews"
"""What crew workers consume, where a deployment names no queue of its own."""
WEBHOOKS = "webhooks"
MAIL = "mail"
INTAKE = "intake"
QUEUES = (CREWS, WEBHOOKS, MAIL, INTAKE)
NOT_FOR_CREWS = frozenset({WEBHOOKS, MAIL, INTAKE})


def runs_crews(queues: Iterable[str]) -> bool:
    """Whether a worker that consumes these queues runs deployments' code."""
    return not NOT_FOR_CREWS.issuperset(queues)


RUN_TASK = "orchestrator.run_task"
RESUME = "orchestrator.resume"
DRAIN = "orchestrator.drain"
KICKOFF = "orchestrator.kickoff"
ANSWER = "orchestrator.answer"
TAKE_MAIL = "orchestrator.take_mail"
SEND_LINK = "orchestrator.send_link"

PUBLIC = (KICKOFF, ANSWER)
"""What producers without our package may send, to the queue ``intake``."""


@dataclass(frozen=True, slots=True)
class Job:
    """One message for a worker: what to do, on which queue, about which rows.

    ``time_limit`` is in seconds, None for none; a job that runs longer is ended by its worker.
    ``trace`` says which trace it goes on, in the message's headers.
    ``labels`` are what operators see beside the arguments: names, never texts of people or models.
    """

    name: str
    queue: str
    arguments: Mapping[str, str]
    time_limit: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    trace: Mapping[str, str] = field(default_factory=dict)


def run_task(  # noqa: PLR0913 - each is a part of the message
    execution_id: str,
    task_run_id: str,
    *,
    resumes: bool,
    queue: str = CREWS,
    time_limit: float | None = None,
    labels: Mapping[str, str] | None = None,
    trace: Mapping[str, str] | None = None,
) -> Job:
    """The job that runs one task run. The first one after an answer is called a resume."""
    name = RESUME if resumes else RUN_TASK
    arguments = {"execution_id": execution_id, "task_run_id": task_run_id}
    return Job(name, queue, arguments, time_limit, labels or {}, trace or {})


def drain(endpoint_id: str, queue: str = WEBHOOKS) -> Job:
    """The job that sends what is due at one endpoint; one for mails goes to the queue ``mail``."""
    return Job(DRAIN, queue, {"endpoint_id": endpoint_id})


def take_mail(mail_id: str) -> Job:
    """The job that reads a mail which was stored."""
    return Job(TAKE_MAIL, INTAKE, {"mail_id": mail_id})


def send_link(link_id: str) -> Job:
    """The job that mails a link for signing in to whoever asked for it."""
    return Job(SEND_LINK, MAIL, {"link_id": link_id})

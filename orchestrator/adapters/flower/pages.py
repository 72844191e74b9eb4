"""The page ``/execution/<id>``: what the database says of an execution, and its jobs beside it."""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flower import urls
from flower.utils.tasks import iter_tasks
from flower.views import BaseHandler
from tornado import web
from tornado.ioloop import IOLoop
from tornado.template import BaseLoader, DictLoader

from orchestrator.domain.timeline import Entry
from orchestrator.errors import UnknownExecution
from orchestrator.jobs import QUEUES
from orchestrator.ports import Ports
from orchestrator.usecases.executions.snapshot import Snapshot, history

NAME = "execution"
_FRAME = ("base.html", "navbar.html", "404.html", "error.html")


def show_every_queue() -> None:
    """Have Flower show the queues that nobody consumes, too: it would ask the workers for names."""
    BaseHandler.get_active_queue_names = lambda _: sorted(QUEUES)


def add_execution_page(ports: Ports) -> None:
    """Add the page to Flower, which has not made its application yet."""
    path = rf"/{NAME}/([0-9A-Fa-f-]+)"
    urls.handlers.insert(0, web.url(path, ExecutionPage, {"ports": ports}, name=NAME))


@dataclass(frozen=True, slots=True)
class JobLine:
    """One job as Flower saw it: only those since it started, and as many as it keeps."""

    id: str
    name: str
    state: str
    worker: str
    parent: str | None
    runtime: float | None


class ExecutionPage(BaseHandler):  # type: ignore[misc]  # Flower has no types
    """One execution, without a word of its inputs and outputs."""

    def initialize(self, ports: Ports) -> None:
        """Take what the route was made with."""
        self._ports = ports

    def create_template_loader(self, template_path: str) -> BaseLoader:
        """Flower knows one folder of templates: put our page beside those that frame it."""
        flowers = importlib.resources.files("flower") / "templates"
        texts = {name: (flowers / name).read_text(encoding="utf-8") for name in _FRAME}
        ours = Path(template_path) / "execution.html"
        texts[ours.name] = ours.read_text(encoding="utf-8")
        return DictLoader(texts)

    def get_template_path(self) -> str:
        """Our folder: Tornado keeps a loader for each, so that this one is not Flower's."""
        return str(Path(__file__).parent)

    @web.authenticated
    async def get(self, execution_id: str) -> None:
        """Show it; 404 where the database has no such execution."""
        try:
            found, entries = await IOLoop.current().run_in_executor(None, self._read, execution_id)
        except UnknownExecution as unknown:
            raise web.HTTPError(404, reason=unknown.message) from None
        self.render("execution.html", found=found, entries=entries, jobs=self._jobs(execution_id))

    def _read(self, execution_id: str) -> tuple[Snapshot, tuple[Entry, ...]]:
        return history(self._ports, execution_id.lower())

    def _jobs(self, execution_id: str) -> list[JobLine]:
        events = self.application.events
        mine = dict(iter_tasks(events, search=f'kwargs:"execution_id={execution_id.lower()}"'))
        if execution_id in events.state.tasks:  # a producer's message has the execution's own id
            mine[execution_id] = events.state.tasks[execution_id]
        lines = [_line(job_id, job) for job_id, job in mine.items()]
        return sorted(lines, key=lambda line: mine[line.id].timestamp or 0)


def _line(job_id: str, job: Any) -> JobLine:
    worker = job.worker.hostname if job.worker else ""
    return JobLine(job_id, job.name or "", job.state, worker, job.parent_id, job.runtime)

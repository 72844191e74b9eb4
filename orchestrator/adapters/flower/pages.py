"""The page ``/execution/<id>``: what the database says of an execution, and its jobs beside it.

The jobs on Flower's own pages lead there.
"""

from __future__ import annotations

import importlib.resources
import json
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
MOST_SHOWN = 10_000
"""Characters of an output: more of it is what the API is for."""

_SCRIPT = Path(__file__).with_name("execution_links.js")
_HERE = {"path": str(_SCRIPT.parent)}
_FRAME = ("base.html", "navbar.html", "404.html", "error.html")


def show_every_queue(ports: Ports) -> None:
    """Have Flower show the queues that nobody consumes, too: it would ask the workers for names."""
    known = sorted({*QUEUES, *ports.deployments.queues()})
    BaseHandler.get_active_queue_names = lambda _: known


def add_execution_page(ports: Ports) -> None:
    """Add the page to Flower, which has not made its application yet."""
    path = rf"/{NAME}/([0-9A-Fa-f-]+)"
    urls.handlers.insert(0, web.url(path, ExecutionPage, {"ports": ports}, name=NAME))
    urls.handlers.insert(0, web.url(rf"/({_SCRIPT.name})", web.StaticFileHandler, _HERE))
    BaseHandler.prepare = _add_links


class _Links(web.UIModule):
    """The script that makes links of executions' ids, on each page."""

    def render(self) -> str:
        return ""

    def javascript_files(self) -> str:
        flower: Any = self.handler.application
        return f"{flower.options.url_prefix or ''}/{_SCRIPT.name}"


def _add_links(handler: BaseHandler) -> None:
    handler._active_modules = {"links": _Links(handler)}  # noqa: SLF001 - as Tornado's own loader does


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
    """One execution. Flower asked for a password: what models and people said is shown, too."""

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
            raise web.HTTPError(404, unknown.message) from None
        self.render(
            "execution.html",
            found=found,
            entries=entries,
            jobs=self._jobs(execution_id),
            inputs=json.dumps(found.execution.inputs, indent=2, ensure_ascii=False),
            pending=[(each.review, _beginning(each.output.raw)) for each in found.pending],
        )

    def _read(self, execution_id: str) -> tuple[Snapshot, tuple[Entry, ...]]:
        return history(self._ports, execution_id.lower())

    def _jobs(self, execution_id: str) -> list[JobLine]:
        events = self.application.events
        mine = dict(iter_tasks(events, search=f'kwargs:"execution_id={execution_id.lower()}"'))
        if execution_id in events.state.tasks:  # a producer's message has the execution's own id
            mine[execution_id] = events.state.tasks[execution_id]
        lines = [_line(job_id, job) for job_id, job in mine.items()]
        return sorted(lines, key=lambda line: mine[line.id].timestamp or 0)


def _beginning(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]} …"


def _line(job_id: str, job: Any) -> JobLine:
    worker = job.worker.hostname if job.worker else ""
    return JobLine(job_id, job.name or "", job.state, worker, job.parent_id, job.runtime)

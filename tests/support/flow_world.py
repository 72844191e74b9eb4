"""An execution of a flow as the use cases drive it: each run begins from JSON, with new code."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from orchestrator.domain.deployment import Deployment
from orchestrator.domain.history import Answered, Asked, Committed, Cut, Entry
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan
from orchestrator.domain.question import Question, QuestionKind
from orchestrator.domain.work import Work
from orchestrator.errors import ClaimLost
from orchestrator.ports import AgentStep, Ended, Halted


class Crash(BaseException):
    """The process dies here."""


def _output(stored: Any) -> Output | None:
    return None if stored is None else Output.from_json(stored)


def read_history(lines: list[str]) -> tuple[Entry, ...]:
    """The entries as a database gives them back."""
    return tuple(_entry(json.loads(line)) for line in lines)


def _entry(stored: dict[str, Any]) -> Entry:
    kind = stored.pop("entry")
    if kind == "committed":
        return Committed(stored["path"], Output.from_json(stored["output"]), stored["state"])
    if kind == "asked":
        question = {**stored["question"], "kind": QuestionKind(stored["question"]["kind"])}
        question["options"] = tuple(question["options"])
        output = Output.from_json(stored["output"])
        return Asked(
            stored["path"], stored["review"], Question(**question), output, stored["state"]
        )
    if kind == "answered":
        edited = _output(stored.pop("edited"))
        scope = stored.pop("scope")
        return Answered(**stored, edited=edited, scope=None if scope is None else tuple(scope))
    return Cut(stored["path"])


@dataclass
class Context:
    """A RunContext over lines of JSON. ``crash_at`` counts writes: that one is not made.

    What may wait for the next write waits for it. ``beside`` is what was at work as a step began.
    """

    lines: list[str]
    crash_at: int | None = None
    stopped_at: int | None = None
    writes: int = 0
    steps: list[AgentStep] = field(default_factory=list)
    events: list[tuple[str, Any]] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    at_work: set[str] = field(default_factory=set)
    beside: dict[str, set[str]] = field(default_factory=dict)
    journal: None = None
    waiting: dict[str, Any] | None = None

    def check(self) -> None:
        if self.stopped_at is not None and self.writes >= self.stopped_at:
            raise ClaimLost

    def step(self, step: AgentStep) -> None:
        self.steps.append(step)

    def event(self, kind: str, data: Any) -> None:
        self.events.append((kind, data()))

    def begin(self, path: str) -> None:
        self.check()
        self.write_waiting()
        self.begun.append(path)
        self.beside[path] = self.at_work.copy()
        self.at_work.add(path)

    def leave(self, path: str) -> None:
        self.at_work = {one for one in self.at_work if not f"{one}/".startswith(f"{path}/")}

    def commit(
        self,
        path: str,
        output: Output,
        state: Any = None,
        *,
        may_wait: bool = False,
        **_: Any,
    ) -> None:
        self.leave(path)
        said = {"entry": "committed", "path": path, "output": output.to_json(), "state": state}
        self._write(said, may_wait=may_wait)

    def ask(
        self, question: Question, output: Output, state: Any = None, *, may_wait: bool = False
    ) -> None:
        self.leave(question.path)
        review = f"r-{len(self.lines)}"
        asked = {"path": question.path, "review": review, "question": asdict(question)}
        said = {"entry": "asked", **asked, "output": output.to_json(), "state": state}
        self._write(said, may_wait=may_wait)

    def cut(self, path: str) -> None:
        self._write({"entry": "cut", "path": path})

    def write_waiting(self) -> None:
        """Write what waits."""
        waiting, self.waiting = self.waiting, None
        if waiting is not None:
            self._write(waiting)

    def _write(self, entry: dict[str, Any], *, may_wait: bool = False) -> None:
        self.write_waiting()
        if may_wait:
            self.waiting = entry
            return
        self.writes += 1
        if self.crash_at == self.writes:
            raise Crash
        self.check()
        self.lines.append(json.dumps(entry))


@dataclass
class FlowExecution:
    """One execution of a flow, from run to run."""

    deployment: Deployment
    inputs: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    contexts: list[Context] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    id: str = "01890000-0000-7000-8000-000000000001"
    before_run: Callable[[], None] = lambda: None

    def run(self, crash_at: int | None = None, stopped_at: int | None = None) -> Ended | Halted:
        """One run, as a fresh process has it: the user's code is imported anew."""
        running = importlib.import_module("orchestrator.adapters.runners.crewai.flows.running")
        sys.modules.pop(self.deployment.target.partition(":")[0], None)
        self.before_run()
        context = Context(self.lines, crash_at, stopped_at)
        self.contexts.append(context)
        history = read_history(self.lines)
        work = Work(self.id, self.deployment.name, Plan(()), "flow", 1, self.inputs, history)
        options = running.Options(**self.options)
        try:
            result: Ended | Halted = running.run_flow(self.deployment, work, context, options)
        except Exception:
            context.write_waiting()
            raise
        context.write_waiting()
        return result

    @property
    def history(self) -> tuple[Entry, ...]:
        return read_history(self.lines)

    @property
    def open(self) -> dict[str, Asked]:
        """The questions that wait for an answer, by path, in the order in which they were asked."""
        found: dict[str, Asked] = {}
        for entry in self.history:
            if isinstance(entry, Asked):
                found[entry.path] = entry
            elif isinstance(entry, Answered | Cut):
                found.pop(entry.path, None)
        return found

    @property
    def committed(self) -> list[str]:
        return [entry.path for entry in self.history if isinstance(entry, Committed)]

    @property
    def cuts(self) -> list[str]:
        return [entry.path for entry in self.history if isinstance(entry, Cut)]

    def answer(
        self,
        path: str,
        words: str = "",
        *,
        outcome: str | None = None,
        approved: bool | None = None,
        edited: str | None = None,
        scope: list[str] | None = None,
    ) -> None:
        """A person answers what is asked at this path."""
        asked = self.open[path]
        text = None if edited is None else asked.output.edited(edited).to_json()
        answer = {"path": path, "review_id": asked.review_id, "words": words}
        decided = {"approved": approved, "outcome": outcome, "edited": text, "scope": scope}
        self.lines.append(json.dumps({"entry": "answered", **answer, **decided}))

    def to_the_end(self, answer: Callable[[FlowExecution], None]) -> Output:
        """Run and answer until the flow has ended."""
        while isinstance(result := self.run(), Halted):
            answer(self)
        return result.output

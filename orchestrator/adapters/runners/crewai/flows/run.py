"""One run of an execution of a flow: what its parts share, and whom they tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from orchestrator.adapters.runners.crewai.calls import journalled
from orchestrator.adapters.runners.crewai.flows.codec import Codec
from orchestrator.adapters.runners.crewai.flows.identity import Identity, known_by
from orchestrator.adapters.runners.crewai.flows.journal import Journal
from orchestrator.adapters.runners.crewai.flows.scope import Interrupted, current, task_path
from orchestrator.adapters.runners.crewai.flows.spending import Spending
from orchestrator.adapters.runners.crewai.metering import total
from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.output import Output
from orchestrator.domain.question import Question
from orchestrator.ports import AgentStep, RunContext


@dataclass(frozen=True, slots=True)
class Options:
    """How flows of a deployment run.

    ``one_by_one`` runs the methods of a flow one at a time, so that what one wrote into the state
    is never seen by another before it is committed. ``max_method_calls`` is how often one method
    may be called in an execution, all its rounds together, where the author left CrewAI's own
    limit.
    """

    one_by_one: bool = False
    max_method_calls: int = 1000


@dataclass(slots=True)
class Run:
    """What the parts of one run share. Safe to call from any thread."""

    execution_id: str
    deployment: str
    journal: Journal
    context: RunContext
    codec: Codec
    options: Options
    spending: Spending = field(default_factory=Spending)
    tasks: dict[str, Callable[[], Identity]] = field(default_factory=dict)
    """What tells the tasks apart that are at work inside methods, by their paths."""
    _open: dict[str, bool] = field(default_factory=dict)
    """What may be cut, and whether its answer has still to come."""

    def __post_init__(self) -> None:
        """Know what earlier runs asked, and what they cut."""
        for record in self.journal.records_below(""):
            if record.is_open or record.waits_its_turn:
                self._open[record.path] = record.is_open

    def check(self) -> None:
        """End the run if its work is in vain. Raises Interrupted."""
        self._through(self.context.check)

    def step(self, step: AgentStep) -> None:
        """Tell of a thought or a tool call of an agent. Raises Interrupted."""
        self._through(self.context.step, step)

    def event(self, kind: str, data: Callable[[], JsonObject]) -> None:
        """Tell of an event. Raises Interrupted."""
        self._through(self.context.event, kind, data)

    def begin(self, path: str) -> None:
        """Say that a step begins. Raises Interrupted."""
        self._through(self.context.begin, path)

    def begun(self, path: str) -> float:
        """The same; returns when."""
        self.begin(path)
        return time.monotonic()

    def leave(self, path: str) -> None:
        """Say that the body of a step is left, whatever came of it."""
        self.context.leave(path)

    def commit(
        self,
        path: str,
        output: Output,
        state: JsonObject | None = None,
        since: float | None = None,
        *,
        may_wait: bool = False,
    ) -> None:
        """Commit a step. Raises Interrupted."""
        seconds = None if since is None else time.monotonic() - since
        details = {"state": state, "seconds": seconds, "may_wait": may_wait}
        self._through(self.context.commit, path, self._known_by_tasks(path, output), **details)
        self._open.pop(path, None)

    def ask(
        self,
        question: Question,
        output: Output,
        state: JsonObject | None,
        *,
        may_wait: bool = False,
    ) -> None:
        """Have a person asked. Raises Interrupted."""
        output = self._known_by_tasks(question.path, output)
        self._through(self.context.ask, question, output, state=state, may_wait=may_wait)
        self._open[question.path] = True

    def _known_by_tasks(self, path: str, output: Output) -> Output:
        tasks = dict(self.tasks)
        around = [task for task in tasks if f"{path}/".startswith(f"{task}/")]
        return known_by(output, [tasks[task]() for task in sorted(around, key=len)])

    def write_waiting(self) -> None:
        """Write what may wait. Raises Interrupted."""
        self._through(self.context.write_waiting)

    def cut(self, path: str) -> None:
        """Withdraw what is asked of a step and inside its body. Raises Interrupted."""
        for asked in list(self._open):
            if asked == path or asked.startswith(f"{path}/"):
                self._through(self.context.cut, asked)
                self._open.pop(asked, None)

    @property
    def anybody_is_asked(self) -> bool:
        """Whether any question waits for its answer."""
        return any(self._open.values())

    def _through(self, write: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return write(*args, **kwargs)
        except Interrupted:
            raise
        except BaseException as error:
            raise Interrupted(error) from error

    def usage(self) -> Mapping[str, int]:
        """The tokens that this run spent, and those of what was served to it."""
        calls = self.context.journal
        return total([self.spending.so_far(), calls.served_usage() if calls else {}])

    def journalled(self) -> AbstractContextManager[None]:
        """Have the calls of models and tools go through their journal, by the step they are in."""
        return journalled(self.context.journal, self._step, self._through, self._before_hold)

    def _before_hold(self, step: str) -> None:
        """See to it that the flow can go on later from where it is. Raises Interrupted."""
        scope = current()
        if scope is not None:
            scope.storable_state(step)
        self._open[step] = True

    def _step(self) -> str:
        scope = current()
        return task_path() or (scope.path if scope else "")

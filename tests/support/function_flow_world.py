"""Worlds in which flows of functions run, with a model and a death that a test decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from world import World, world_of

from orchestrator.adapters.runners.functions import FunctionsRunner
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.output import Output
from orchestrator.domain.question import Question
from orchestrator.domain.work import Work
from orchestrator.ports import Result, RunContext

Watch = Callable[[str, str], object]


class Watched:
    """The context of a run, which tells a test before each thing that is done with it."""

    def __init__(self, context: RunContext, watch: Watch) -> None:
        self._context = context
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def begin(self, path: str) -> None:
        self._watch("begin", path)
        self._context.begin(path)

    def leave(self, path: str) -> None:
        self._watch("leave", path)
        self._context.leave(path)

    def commit(self, path: str, output: Output, **how: Any) -> None:
        self._watch("commit", path)
        self._context.commit(path, output, **how)

    def ask(self, question: Question, output: Output, **how: Any) -> None:
        self._watch("ask", question.path)
        self._context.ask(question, output, **how)


class FlowRunner(FunctionsRunner):
    """Runs functions as in production; its model says what the test wants.

    ``watch`` is told of what a run is about to do ("begin", "leave", "commit" or "ask") at which
    path. What it raises, nothing of ours catches where it is no Exception: the worker dies there.
    """

    def __init__(self) -> None:
        self.says: str | BaseException | None = None
        self.asked: list[str] = []
        self.watch: Watch = lambda *_: None

    def run(self, deployment: Deployment, work: Work, context: RunContext) -> Result:
        watched: Any = Watched(context, self.watch)
        return super().run(deployment, work, watched)

    def weigh(self, *asked: Any) -> str | None:
        _deployment, _question, words, _output = asked
        self.asked.append(words)
        if isinstance(self.says, BaseException):
            raise self.says
        return self.says


def flow_over(url: str, name: str, **settings: Any) -> World:
    """A world with a flow of ``user_flows``, whose database is there already, at ``url``.

    A name with a colon is an import path of its own.
    """
    target = name if ":" in name else f"user_flows:{name}"
    return world_of(url, FlowRunner(), target=target, **settings)

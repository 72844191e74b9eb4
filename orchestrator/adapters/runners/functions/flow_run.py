"""Runs a flow of functions: what its history has is replayed, the rest runs, step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from orchestrator.adapters.runners.functions.crew import TaskCall
from orchestrator.adapters.runners.functions.flow import FlowStep, FunctionFlow
from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.checkpoint import name_of
from orchestrator.domain.history import Answered, Asked, Committed
from orchestrator.domain.output import Output
from orchestrator.domain.question import QuestionKind
from orchestrator.domain.work import Work, own_round, still_told, words_on_other
from orchestrator.errors import ClaimLost, TaskFailed
from orchestrator.ports import Ended, Halted, Result, RunContext

OUTCOME = "outcome"
"""The key under which a step's output keeps what a person chose."""
MOST_CALLS = 1000
"""How often a step may be called in an execution, as a method of CrewAI's flows may."""


@dataclass
class FlowRun:
    """One run of a flow, from where its history ends to the next halt or the end.

    ``as_output`` makes the output of what a function returned, and raises TaskFailed for what has
    no JSON form; ``call`` calls a step's function, and raises an Exception whatever it raises.
    """

    flow: FunctionFlow
    work: Work
    context: RunContext
    as_output: Callable[[FlowStep, object], Output]
    call: Callable[[FlowStep, TaskCall], object]
    _ready: list[str] = field(default_factory=list)
    _calls: Counter[str] = field(default_factory=Counter)
    _happened: dict[str, set[str]] = field(default_factory=dict)
    _last: Output | None = None

    def __post_init__(self) -> None:
        self._steps = {each.name: each for each in self.flow.steps}
        history = self.work.history
        committed = [each for each in history if isinstance(each, Committed)]
        self._final = {each.path: each.output for each in committed}
        self._order = {each.path: place for place, each in enumerate(committed)}
        self._asked = {each.path: each for each in history if isinstance(each, Asked)}
        self._answers = {each.review_id: each for each in self.work.answers}

    def run(self) -> Result:
        """Go on as far as it goes. A step that fails lets the others end, or ask, before it."""
        failure: Exception | None = None
        is_waiting = False
        for name in self.flow.beginning:
            self._call(name)
        while self._ready:
            path = min(self._ready, key=lambda each: self._order.get(each, len(self._order)))
            self._ready.remove(path)
            try:
                is_waiting |= not self._step(path)
            except ClaimLost:
                raise
            except Exception as error:  # noqa: BLE001 - it is raised in its turn
                self.context.leave(path)
                failure = failure or error
        if failure is not None:
            raise failure
        return Halted({}) if is_waiting else Ended(self._last or Output(""), {})

    def _call(self, name: str) -> None:
        if self._calls[name] == MOST_CALLS:
            message = f"Step {name!r} was called more than {MOST_CALLS} times"
            raise TaskFailed(message, retryable=False)
        self._calls[name] += 1
        self._ready.append(f"{name}#{self._calls[name]}")

    def _step(self, path: str) -> bool:
        """Bring one step to its end; False where a person has to answer first."""
        if path in self._final:
            self._ended(path, self._final[path])
            return True
        step = self._steps[name_of(path)]
        asked = self._asked.get(path)
        answer = self._answers.get(asked.review_id) if asked else None
        if asked is not None and answer is None:
            return False
        if asked is not None and answer is not None and answer.approved is not False:
            self._commit(path, _decided(asked, answer))
            return True
        self.context.begin(path)
        output = self.as_output(step, self._run_function(step, path))
        if step.asks:
            self.context.ask(step.question(path), output, may_wait=True)
            return False
        self._commit(path, output)
        return True

    def _run_function(self, step: FlowStep, path: str) -> object:
        self.context.check()
        return self.call(step, self._told(path))

    def _told(self, path: str) -> TaskCall:
        said = [answer for answer in self.work.answers if answer.path == path]
        name, own = name_of(path), still_told(said)
        told = [
            each
            for each in self.work.answers
            if (each in own if each.path == path else each.is_for(name))
        ]
        others = (words_on_other(each) for each in told if each.path != path)
        outputs = {name_of(each): output.raw for each, output in self._final.items()}
        return TaskCall(
            inputs=self.work.inputs,
            context="\n\n".join((*outputs.values(), *others, *map(own_round, own))),
            outputs=outputs,
            feedback=tuple(each.words for each in told if each.words.strip()),
            previous_answer=said[-1].output.raw if said and said[-1].output else None,
            round=int(path.rpartition("#")[2]),
            idempotency_key=self.work.key_of(path, len(said) + 1),
            check=self.context.check,
        )

    def _commit(self, path: str, output: Output) -> None:
        self.context.commit(path, output, may_wait=True)
        self._final[path] = output
        self._ended(path, output)

    def _ended(self, path: str, output: Output) -> None:
        self._last = output
        self._report(name_of(path))
        if output.extra.get(OUTCOME):
            self._report(str(output.extra[OUTCOME]))

    def _report(self, event: str) -> None:
        """Something happened: call each step that has waited for this."""
        for step in self.flow.steps:
            happened = self._happened.setdefault(step.name, set())
            if event in step.after:
                happened.add(event)
            is_joined = bool(step.after) and happened.issuperset(step.after)
            if event in step.after_any or (event in step.after and is_joined):
                happened.clear()
                self._call(step.name)


def _decided(asked: Asked, answer: Answered) -> Output:
    output = answer.edited or asked.output
    if asked.question.kind is not QuestionKind.CHOICE:
        return output
    extra: JsonObject = {**output.extra, OUTCOME: answer.outcome}
    return replace(output, extra=extra)

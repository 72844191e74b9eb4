"""Reviews of methods: what is asked, and what an answer makes of the method's result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crewai.crews.crew_output import CrewOutput
from crewai.flow.async_feedback.types import HumanFeedbackPending, PendingFeedbackContext
from crewai.flow.flow_definition import FlowHumanFeedbackDefinition
from crewai.flow.human_feedback import HumanFeedbackResult
from crewai.tasks.task_output import TaskOutput
from pydantic import BaseModel

from orchestrator.adapters.runners.crewai.flows import internals, outcomes, values
from orchestrator.adapters.runners.crewai.flows.codec import Codec, Unreadable, Unstorable, plain
from orchestrator.adapters.runners.crewai.flows.journal import PathRecord, method_of
from orchestrator.adapters.runners.crewai.flows.scope import nobody_is_asked
from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.output import EDITS_FIT, Output
from orchestrator.domain.question import Question, QuestionKind
from orchestrator.errors import TaskFailed

if TYPE_CHECKING:
    from orchestrator.adapters.runners.crewai.flows.running_flow import RunningFlow

_OUTSIDE = (
    "The method {method} of a flow has @human_feedback, and nobody can be asked: the flow was "
    "kicked off by a crew's own code, as a stream, or in a thread that knows nothing of the run, "
    "which contextvars.copy_context().run mends. Kick it off in a method of a deployment's flow"
)


class Reviewers:
    """What CrewAI asks for feedback, in a process whose reviews are ours: it pauses the method."""

    def request_feedback(self, context: PendingFeedbackContext, flow: Any) -> str:
        """Raises HumanFeedbackPending; Interrupted for a flow that is not run by us."""
        if internals.owner_of(flow) is None:
            raise nobody_is_asked(_OUTSIDE.format(method=context.method_name))
        raise HumanFeedbackPending(context=context)


def ask(running: RunningFlow, path: str, context: PendingFeedbackContext) -> TaskFailed | None:
    """Have a person asked of a method's output.

    Returns why nobody was, where output or state cannot be stored. Raises Interrupted.
    """
    codec = running.run.codec
    try:
        output = values.to_output(codec, context.method_output, "output", must_be_stored=True)
        state = running.stored_state(must_be_stored=True)
    except Unstorable as error:
        return TaskFailed(f"Nobody can be asked about {path}: {error}", retryable=False)
    question = replace(_question(codec, path, context), state=shown_state(state))
    output = _editable(output, context.method_output)
    running.run.ask(question, output, state, may_wait=running.may_wait())
    return None


def _question(codec: Codec, path: str, context: PendingFeedbackContext) -> Question:
    return Question(
        kind=QuestionKind.CHOICE if context.emit else QuestionKind.WORDS,
        path=path,
        name=method_of(path),
        message=context.message,
        options=tuple(context.emit or ()),
        default=context.default_outcome,
        metadata=as_json(codec, context.metadata),
    )


def _editable(output: Output, value: Any) -> Output:
    """Say what a person's own form of the output has to fit, where a text will not do."""
    if isinstance(value, str | CrewOutput | TaskOutput):
        return output
    if isinstance(value, BaseModel):
        fits = type(value).model_json_schema(by_alias=False)
    else:  # any data in place of data; what has no form as data cannot be written by people
        fits = {} if output.json is not None else {"not": {}}
    return replace(output, extra={**output.extra, EDITS_FIT: fits})


def shown_state(state: JsonObject | None) -> JsonObject | None:
    """The flow's state as people read it."""
    shown = None if state is None else plain(state)
    return shown if isinstance(shown, dict) else None


def as_json(codec: Codec, metadata: Any) -> JsonObject:
    """Metadata as clients read it."""
    stored = plain(codec.encode_or_lose(metadata or {}, "metadata"))
    return stored if isinstance(stored, dict) else {"metadata": stored}


def recorded_body(running: RunningFlow, record: PathRecord) -> Callable[..., Awaitable[Any]]:
    """A body that returns what the method gave, as a person may have rewritten it.

    Raises TaskFailed, not to be retried, where that cannot be read or does not fit.
    """
    asked, answer = record.rounds[-1]

    async def body(*_: Any, **__: Any) -> Any:
        codec = running.run.codec
        try:
            if answer is not None and answer.edited is not None:
                return values.edited_value(codec, asked.output, answer.edited, record.path)
            return values.to_value(codec, asked.output)
        except Unreadable as error:
            message = f"The output of {record.path} cannot be read any more: {error}"
            raise TaskFailed(message, retryable=False) from error

    return body


async def answered(
    engine: internals.Engine,
    record: PathRecord,
    definition: FlowHumanFeedbackDefinition,
    output: Any,
) -> Any:
    """What the answer makes of the output: the outcome, or the words with the output."""
    assert record.answer is not None  # noqa: S101 - only answered ones come here
    outcome = outcome_of(record, definition) if definition.emit else None
    name = method_of(record.path)
    return await engine.answered(name, definition, output, record.answer.words, outcome)


def outcome_of(record: PathRecord, definition: FlowHumanFeedbackDefinition) -> str:
    """The option that was decided. Raises TaskFailed where it is none: never a guess."""
    answer, options = record.answer, tuple(definition.emit or ())
    decided = answer and (answer.outcome or outcomes.exact(answer.words, options))
    if answer and not decided and not answer.words.strip():
        decided = definition.default_outcome
    if decided not in options:
        message = f"The answer to {record.path} is none of {', '.join(options)}"
        raise TaskFailed(message, retryable=False)
    return str(decided)


def final_output(running: RunningFlow, path: str) -> Output:
    """The output of a method that has just ended, as it is committed."""
    name, codec = method_of(path), running.run.codec
    entry = internals.last_output(running.flow, name)
    definition = internals.feedback_definition(running.flow, name)
    feedback = entry.get("human_feedback", entry["output"])
    if definition is None or not isinstance(feedback, HumanFeedbackResult):
        return values.to_output(codec, entry["output"], "output")
    return values.reviewed(codec, feedback, feedback.outcome if definition.emit else None, "output")

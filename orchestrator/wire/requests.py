"""The bodies of the calls that start and answer, as HTTP clients and intake messages send them.

Every key is accepted in both casings of CrewAI's documentation; unknown keys are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

from orchestrator.errors import Invalid
from orchestrator.wire.address import Address
from orchestrator.wire.findings import by_field, in_a_sentence
from orchestrator.wire.ids import as_stored


def _blank_is_absent(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


Url = Annotated[StrictStr, Field(max_length=2048)]
OptionalUrl = Annotated[Url | None, BeforeValidator(_blank_is_absent)]


def _either(snake: str, camel: str) -> AliasChoices:
    return AliasChoices(snake, camel)


class Body(BaseModel):
    """A body, or a part of one. Null says as little as a key that is not there."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _says_each_thing_once(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        said = {key: value for key, value in given.items() if value is not None}
        for field in cls.model_fields.values():
            _require_one_meaning(field.validation_alias, said)
        return said


def _require_one_meaning(alias: object, said: Mapping[str, Any]) -> None:
    """Refuse a key that stands in both casings with different values: which one is meant?"""
    casings = alias.choices if isinstance(alias, AliasChoices) else []
    given = [str(key) for key in casings if key in said]
    if any(said[key] != said[given[0]] for key in given):
        raise ValueError(f"{' and '.join(given)} contradict each other")


class BearerAuthentication(Body):
    """The receiver takes a bearer token."""

    strategy: Literal["bearer"]
    token: Annotated[StrictStr, Field(min_length=1, max_length=8192)]


class BasicAuthentication(Body):
    """The receiver takes a user name and a password."""

    strategy: Literal["basic"]
    username: Annotated[StrictStr, Field(max_length=1024)]
    password: Annotated[StrictStr, Field(max_length=1024)]


AnyAuthentication = Annotated[
    BearerAuthentication | BasicAuthentication, Field(discriminator="strategy")
]


class HumanInputWebhook(Body):
    """Where notices of a halt go, with the receiver's own authentication."""

    url: Url
    authentication: AnyAuthentication | None = None


class StreamWebhook(Body):
    """Which events of a run are streamed to where."""

    url: Url
    events: list[StrictStr] = Field(default_factory=list)
    realtime: StrictBool = False
    authentication: AnyAuthentication | None = None


class _WithWebhooks(Body):
    task_webhook_url: OptionalUrl = Field(
        None, validation_alias=_either("taskWebhookUrl", "task_webhook_url")
    )
    step_webhook_url: OptionalUrl = Field(
        None, validation_alias=_either("stepWebhookUrl", "step_webhook_url")
    )
    crew_webhook_url: OptionalUrl = Field(
        None, validation_alias=_either("crewWebhookUrl", "crew_webhook_url")
    )
    human_input_webhook_url: OptionalUrl = Field(
        None, validation_alias=_either("humanInputWebhookUrl", "human_input_webhook_url")
    )
    human_input_webhook: HumanInputWebhook | None = Field(
        None, validation_alias=_either("humanInputWebhook", "human_input_webhook")
    )
    webhooks: StreamWebhook | None = None
    carry_webhooks: StrictBool | None = Field(
        None, validation_alias=_either("carryWebhooks", "carry_webhooks")
    )


class KickoffBody(_WithWebhooks):
    """The body of ``POST /kickoff``. Null ``inputs`` are none.

    ``requester`` is the mail address of the person who wants the execution.
    """

    inputs: dict[str, Any] = Field(json_schema_extra={"type": ["object", "null"]})
    meta: dict[str, Any] | None = None
    requester: Address | None = None

    @model_validator(mode="before")
    @classmethod
    def _reads_null_inputs(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and "inputs" in given and given["inputs"] is None:
            return {**given, "inputs": {}}
        return given


LONGEST_WORDS = 1_000_000
"""Characters that a person may say in one answer."""

ONWARD, RETRY = "onward", "retry"
"""How far words reach, in a word: the task and all later ones; the next retry alone."""

FeedbackScope = (
    Literal["onward", "retry"]
    | Annotated[
        list[Annotated[StrictStr, Field(max_length=1000), as_stored]],
        Field(min_length=1, max_length=1000),
    ]
)
"""The same, or a list of the tasks that read the words."""

DECISIONS = ("is_approve", "outcome", "edited_output", "answer", "human_feedback")
"""What decides a review, by its kind: a body has to have one of them at least."""


class AnswerBody(_WithWebhooks):
    """What a person says of a review: the body of ``POST /v1/reviews/{id}/answer``.

    ``answer`` is the answer as data, where the review has a JSON Schema for it: it stands for
    ``edited_output``, or for the words where code asked for input.
    """

    human_feedback: Annotated[StrictStr, Field(max_length=LONGEST_WORDS)] = Field(
        "", validation_alias=_either("human_feedback", "humanFeedback")
    )
    feedback_scope: FeedbackScope | None = Field(
        None, validation_alias=_either("feedback_scope", "feedbackScope")
    )
    is_approve: StrictBool | None = Field(None, validation_alias=_either("is_approve", "isApprove"))
    output_digest: StrictStr | None = Field(
        None, validation_alias=_either("output_digest", "outputDigest")
    )
    edited_output: StrictStr | None = Field(
        None, validation_alias=_either("edited_output", "editedOutput")
    )
    answer: Any = None
    outcome: Annotated[StrictStr, Field(max_length=1000)] | None = None
    rework_from: Annotated[StrictStr, Field(max_length=1000), as_stored] | None = Field(
        None, validation_alias=_either("rework_from", "reworkFrom")
    )
    reviewer: Annotated[StrictStr, Field(max_length=200)] | None = None

    @property
    def says_nothing(self) -> bool:
        """Whether all that could decide is absent: an empty text is there."""
        return not self.model_fields_set.intersection(DECISIONS)


class ResumeBody(AnswerBody):
    """The body of ``POST /resume``. It names a task, or better a review."""

    execution_id: Annotated[StrictStr, Field(max_length=200), as_stored] = Field(
        validation_alias=_either("execution_id", "executionId")
    )
    task_id: Annotated[StrictStr, Field(max_length=1000), as_stored] | None = Field(
        None, validation_alias=_either("task_id", "taskId")
    )
    review_id: Annotated[StrictStr, Field(max_length=200), as_stored] | None = Field(
        None, validation_alias=_either("review_id", "reviewId")
    )


class RespondBody(AnswerBody):
    """The body of the callback of a notice: ``feedback``, and what says more than words."""

    feedback: Annotated[StrictStr, Field(max_length=LONGEST_WORDS)] = ""
    source: Annotated[StrictStr, Field(max_length=100)] | None = None


Checkpoint = Annotated[
    StrictInt, Field(ge=0, description="The number of a checkpoint; 0 is the beginning.")
]


class RewindBody(Body):
    """The body of ``POST /v1/executions/{id}/rewind``."""

    checkpoint: Checkpoint


class ForkBody(RewindBody):
    """The body of ``POST /v1/executions/{id}/fork``: what is other than in the first execution.

    ``inputs`` are laid over the first execution's. ``human_feedback`` is what the tasks to come are
    told, ``edited_output`` what stands in the place of the checkpoint's own output.
    """

    inputs: dict[str, Any] | None = None
    human_feedback: Annotated[StrictStr, Field(max_length=LONGEST_WORDS)] = Field(
        "", validation_alias=_either("human_feedback", "humanFeedback")
    )
    edited_output: StrictStr | None = Field(
        None, validation_alias=_either("edited_output", "editedOutput")
    )
    reviewer: Annotated[StrictStr, Field(max_length=200)] | None = None


B = TypeVar("B", bound=BaseModel)


def parse(model: type[B], body: Any) -> B:
    """Read a body. Raises Invalid with what is wrong in each field."""
    if not isinstance(body, Mapping):
        raise Invalid("The body must be a JSON object.", {"body": "not an object"})
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise Invalid(*explain(error)) from None


def explain(error: ValidationError) -> tuple[str, dict[str, str]]:
    """Turn pydantic's findings into one sentence, and a mapping of fields to findings."""
    details = by_field(error.errors(include_url=False, include_input=False, include_context=False))
    return in_a_sentence(details), details

"""How values of the domain lie in columns, the same in SQLite and in PostgreSQL."""

# ruff: noqa: ARG002 - SQLAlchemy hands over its dialect, needed or not
from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, cast

from pydantic import TypeAdapter
from sqlalchemy import DateTime, Dialect, String, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from orchestrator.domain.canonical import Json, JsonObject, decode, encode, storable
from orchestrator.domain.question import Question
from orchestrator.domain.review import judge
from orchestrator.domain.review_terms import Terms
from orchestrator.domain.webhooks import Subscriptions

_TERMS = TypeAdapter(Terms)


class Utc(TypeDecorator[datetime]):
    """A time: aware when it goes in, in UTC when it comes out, to the microsecond.

    SQLite has no such type: there it is ISO 8601 of fixed width, so that texts sort as times do.
    """

    impl = String(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Use the database's own type where it has one."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(String(32))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse naive times with ValueError: nobody knows what they mean."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give times in UTC, whatever the session's time zone."""
        if value is None:
            return None
        read = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return read if read.tzinfo is UTC else read.astimezone(UTC)


class Words(TypeDecorator[str]):
    """Text from anywhere, made storable."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Make it storable."""
        return None if value is None else storable(value)


class Uuid(TypeDecorator[str]):
    """A UUID as its 36 characters. What a caller made up is found nowhere, and breaks nothing."""

    impl = String(36)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Make it storable."""
        return None if value is None else storable(value)


class State(TypeDecorator[StrEnum]):
    """A state, as its name."""

    impl = String(32)
    cache_ok = True

    def __init__(self, states: type[StrEnum]) -> None:
        super().__init__()
        self.states = states

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        """Store the name."""
        return None if value is None else str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> StrEnum | None:
        """Read the state of that name."""
        return None if value is None else self.states(value)


class JsonText(TypeDecorator[Any]):
    """JSON in its canonical encoding, as text. None is NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Json, dialect: Dialect) -> str | None:
        """Encode; NUL and lone surrogates survive as escapes."""
        return None if value is None else encode(value).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> Json:
        """Decode."""
        return None if value is None else decode(value)


class NamesText(TypeDecorator[tuple[str, ...]]):
    """Names in their order, as JSON text. None is NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:
        """Encode."""
        return None if value is None else encode(list(value)).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[str, ...] | None:
        """Decode."""
        return None if value is None else tuple(map(str, cast("list[Json]", decode(value))))


class SubscriptionsText(TypeDecorator[Subscriptions]):
    """Who an execution's events go to, as JSON text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Subscriptions | None, dialect: Dialect) -> str | None:
        """Encode."""
        return None if value is None else encode(value.to_json()).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> Subscriptions | None:
        """Decode."""
        return None if value is None else Subscriptions.from_json(cast("JsonObject", decode(value)))


class QuestionText(TypeDecorator[Question]):
    """What a person is asked, as JSON text. NULL, as before there were kinds, asks for a verdict.

    The path and the name stand in columns of their own.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Question | None, dialect: Dialect) -> str | None:
        """Encode."""
        return None if value is None else encode(value.to_json()).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> Question | None:
        """Decode."""
        return judge() if value is None else Question.from_json(cast("JsonObject", decode(value)))


class TermsText(TypeDecorator[Terms]):
    """The terms of a review, as JSON text. NULL asks nobody in particular."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Terms | None, dialect: Dialect) -> str | None:
        """Encode."""
        return None if value is None else encode(_TERMS.dump_python(value, mode="json")).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> Terms | None:
        """Decode; what a later version may have added is passed over."""
        return None if value is None else _TERMS.validate_json(value)

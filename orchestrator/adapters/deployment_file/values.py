"""Single values of the file: names, import paths, queues, addresses, lengths of time."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from orchestrator.domain.person import address_of
from orchestrator.domain.renaming import circle_in
from orchestrator.domain.review_policy import Ask, Duration, Source
from orchestrator.jobs import NOT_FOR_CREWS

_NAME = re.compile(r"(?!\.+$)[A-Za-z0-9._-]{1,64}")
_QUEUE = re.compile(r"[a-z0-9._-]{1,64}")
_DURATION = re.compile(r"(\d+(?:\.\d+)?) ?([smhd])")
_WEB_URL = re.compile(r"https?://\S+")
LONGEST = timedelta(days=36_525)
"""Times end with the year 9999: what is due after a longer one could not be written."""

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_WORKING = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) working (minute|hour|day)s?")


class Table(BaseModel):
    """A table of the file: it has no other keys, and values are what they are written as."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _length(value: object) -> timedelta:
    """Read seconds, or a text such as ``30s``, ``5m``, ``2h`` or ``7d``."""
    written = _DURATION.fullmatch(value) if isinstance(value, str) else None
    seconds: float
    if written:
        seconds = float(written[1]) * _SECONDS[written[2]]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value
    else:
        raise ValueError("must be seconds, or a text such as '30s', '5m', '2h' or '7d'")
    if not seconds > 0:
        raise ValueError("must be longer than nothing")
    if seconds > LONGEST.total_seconds():
        raise ValueError("must be a hundred years at most")
    return timedelta(seconds=seconds)


def _waiting(value: object) -> Duration:
    """Read a length of time, or of working time: ``90 working minutes``, ``2 working days``."""
    written = _WORKING.fullmatch(value) if isinstance(value, str) else None
    if written is None:
        if isinstance(value, str) and not _DURATION.fullmatch(value):
            raise ValueError("must be a text such as '5m', '2h', '7d' or '4 working hours'")
        return Duration(_length(value))
    number, unit = float(written[1]), written[2]
    if unit != "day":
        return Duration(_length(f"{written[1]}{unit[0]}"), working=True)
    if not number.is_integer() or not number:
        raise ValueError("must be whole working days, one at least; write a part of one in hours")
    return Duration(working=True, days=int(number))


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("stands in URLs: 1 to 64 of the characters a-z A-Z 0-9 . _ -")
    return value


def _label(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("must be 1 to 64 of the characters a-z A-Z 0-9 . _ -")
    return value


def _target(value: object) -> object:
    module, _, attribute = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not all(part.isidentifier() for part in [*module.split("."), *attribute.split(".")]):
        raise ValueError("must be an import path such as 'my_project.crew:ResearchCrew'")
    return value


def _queue(value: object) -> object:
    if not isinstance(value, str) or not _QUEUE.fullmatch(value):
        raise ValueError("must be 1 to 64 of the characters a-z 0-9 . _ -")
    if value in NOT_FOR_CREWS:
        raise ValueError(f"the queue {value!r} is not for crews: take another name")
    return value


_NOTHING = (0, "0", "0s")


def _delays(value: object) -> object:
    """Read the delay before each attempt. Before the first there is none: it is made at once."""
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list of durations, one for each attempt")
    if value[0] not in _NOTHING:
        raise ValueError("must begin with '0s': the first attempt is made at once")
    return tuple(timedelta() if one in _NOTHING else _length(one) for one in value)


def _renamed(value: object) -> dict[str, str]:
    """Read old names and new ones: they lead on to others, and never back."""
    names = value if isinstance(value, dict) else {"": ""}
    if not all(isinstance(each, str) and each for pair in names.items() for each in pair):
        raise ValueError("must be a table of texts, old name to new, such as write = 'draft'")
    if circle := circle_in(names):
        to_itself = f"{circle[0]!r} is renamed to itself"
        around = f"the names go in a circle: {' -> '.join(map(repr, circle))}"
        raise ValueError(around if len(circle) > 2 else to_itself)  # noqa: PLR2004 - it and itself
    return names


def _web_url(value: object) -> object:
    if not isinstance(value, str) or not _is_web_url(value):
        raise ValueError("must be a URL such as 'https://example.com/asked'")
    return value


def _is_web_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(_WEB_URL.fullmatch(text) and parts.hostname and parts.port != 0)
    except ValueError:  # no host or no port can be read in it
        return False


def _address(value: object) -> str:
    address = address_of(value) if isinstance(value, str) else None
    if address is None:
        raise ValueError(f"{value!r} is no mail address such as 'ann@example.com'")
    return address


def _ask(value: object) -> Ask:
    source, colon, name = value.partition(":") if isinstance(value, str) else ("", "", "")
    if colon and source in (Source.GROUP, Source.FIELD):
        if not all(name.split(".")):
            raise ValueError(f"{value!r} names no {source}")
        return Ask(Source(source), name)
    if not isinstance(value, str) or address_of(value) is None:
        said = f"{value!r} is no mail address: write one, 'group:NAME' or 'field:NAME'"
        raise ValueError(said)
    return Ask(Source.ADDRESS, _address(value))


Address = Annotated[str, PlainValidator(_address)]
AskText = Annotated[Ask, PlainValidator(_ask)]
Delays = Annotated[tuple[timedelta, ...], BeforeValidator(_delays)]
Label = Annotated[str, BeforeValidator(_label)]
Length = Annotated[timedelta, BeforeValidator(_length)]
Name = Annotated[str, BeforeValidator(_name)]
Renamed = Annotated[dict[str, str], PlainValidator(_renamed)]
Queue = Annotated[str, BeforeValidator(_queue)]
Target = Annotated[str, BeforeValidator(_target)]
Waiting = Annotated[Duration, PlainValidator(_waiting)]
WebUrl = Annotated[str, Field(max_length=2048), BeforeValidator(_web_url)]

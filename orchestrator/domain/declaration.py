"""What is recorded of what a deployment's file says: by the names of the file, and no secret."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from typing import Any
from urllib.parse import urlsplit

from orchestrator.domain.canonical import Json, JsonObject, encode
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.review_policy import Ask, Duration, Source

LONGEST_VALUE = 500
"""Characters of a value that are told."""

MOST_CHANGES = 100


def declaration(deployment: Deployment) -> JsonObject:
    """All of a deployment's settings. Durations are in seconds.

    Of the receiver of its reviews no more is told than the host, and four characters by which
    another address is noticed: the rest of it may be secret.
    """
    rules, tools, policy = deployment.delivery_rules, deployment.tools, deployment.review_policy
    settings = {
        "runner": deployment.runner,
        "code": deployment.target,
        "max_attempts": deployment.max_attempts,
        "max_rounds": deployment.max_rounds,
        "task_time_limit": deployment.task_time_limit,
        "review_timeout": deployment.review_timeout,
        "carry_webhooks": deployment.carry_webhooks,
        "webhook_delays": rules.delays,
        "human_input_webhook_delays": rules.notice_delays,
        "webhook_stop_on_4xx": rules.stop_on_4xx,
        "on_code_change": deployment.on_code_change,
        "renamed": deployment.renamed,
        "status_form": deployment.status_form,
        "outcome_model": deployment.outcome_model,
        "parallel": "one-by-one" if deployment.one_by_one else "side-by-side",
        "queue": deployment.queue,
        "max_running": deployment.max_running,
        "review_webhook": _masked(deployment.review_webhook),
        "journal": deployment.journal,
        "tools_once": tools.once,
        "tool_approval": tools.approval,
        "creator": policy.creator,
        "reviews": policy.rules,
        "groups": policy.groups,
        "calendars": policy.calendars,
        "permissions": deployment.grants.to,
    }
    return {name: _plain(value) for name, value in settings.items()}


def changes(before: JsonObject, after: JsonObject) -> dict[str, Json]:
    """What differs between two declarations, ``from`` and ``to``, by the name of each setting.

    Inside of lists and tables names are paths (``reviews.1.ask``). A setting that only one of the
    two versions of the service that wrote them knows has not been changed by anybody.
    """
    both = before.keys() & after.keys()
    was, is_ = (dict(_leaves({name: each[name] for name in both})) for each in (before, after))
    differ = [name for name in sorted(was | is_) if was.get(name) != is_.get(name)]
    names = [name for name in differ if not _is_filled(name, was, is_)]
    found: dict[str, Json] = {
        name: {"from": _told(was.get(name)), "to": _told(is_.get(name))}
        for name in names[:MOST_CHANGES]
    }
    return found if len(names) <= MOST_CHANGES else {**found, "…": len(names) - MOST_CHANGES}


def _is_filled(name: str, was: Mapping[str, Json], is_: Mapping[str, Json]) -> bool:
    """Whether what one of the two has nothing in is a table or list in the other, told by path."""
    return any(
        not one.get(name) and any(path.startswith(f"{name}.") for path in other)
        for one, other in ((was, is_), (is_, was))
    )


def _masked(url: str | None) -> str | None:
    if url is None:
        return None
    mark = hashlib.sha256(url.encode()).hexdigest()[:4]
    return f"{url.partition(':')[0]}://{urlsplit(url).hostname}/… ({mark})"


def _plain(value: Any) -> Json:
    """A value of the domain as JSON."""
    found: Json
    match value:
        case Ask():
            found = value.name if value.source is Source.ADDRESS else f"{value.source}:{value.name}"
        case Duration():
            length = f"{value.days} days" if value.days else f"{value.length.total_seconds():g} s"
            found = length + (" of working time" if value.working else "")
        case timedelta():
            found = value.total_seconds()
        case date() | time():
            found = value.isoformat()
        case Mapping():
            found = {str(name): _plain(each) for name, each in value.items()}
        case str():
            found = str(value)
        case Collection():
            found = [_plain(each) for each in _ordered(value)]
        case _ if is_dataclass(value):
            found = {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
        case _:
            found = value
    return found


def _ordered(values: Collection[Any]) -> Collection[Any]:
    return sorted(values) if isinstance(values, frozenset) else values


def _leaves(value: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """The values inside of tables and lists of tables, each with its path."""
    if isinstance(value, Mapping):
        inside = [(str(name), each) for name, each in value.items()]
    elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        inside = [(str(number), each) for number, each in enumerate(value, start=1)]
    else:
        yield path, value
        return
    for name, each in inside:
        yield from _leaves(each, f"{path}.{name}" if path else name)


def _told(value: Json) -> Json:
    text = encode(value).decode()
    return value if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"

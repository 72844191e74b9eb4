"""What something cost: counts of tokens by CrewAI's names, beside which it may say other things."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from orchestrator.domain.canonical import Json, JsonObject


def counts_of(usage: Mapping[str, Json] | None) -> dict[str, int]:
    """What of it is a count."""
    return {name: count for name, count in (usage or {}).items() if isinstance(count, int)}


def added_up(usages: Iterable[Mapping[str, Json] | None]) -> JsonObject:
    """The counts of all, together."""
    total: Counter[str] = Counter()
    for usage in usages:
        total.update(counts_of(usage))
    return dict(total)


def added_to(before: JsonObject | None, more: Mapping[str, Json]) -> JsonObject:
    """The counts with those of before; what else is said takes the place of what was."""
    known = counts_of(before)
    return {
        **known,
        **{
            name: known.get(name, 0) + each if isinstance(each, int) else each
            for name, each in more.items()
        },
    }

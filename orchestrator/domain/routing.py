"""Who is asked in a review: a deployment's policy, resolved for one task or method."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from orchestrator.domain.person import address_of
from orchestrator.domain.review_policy import Ask, ReviewPolicy, Rule, Source
from orchestrator.domain.review_terms import Absence, AskedPerson, ResolvedRung, Terms

MOST_FROM_A_FIELD = 50
"""Of the addresses in a field more are not asked: whoever kicks off writes it."""


def resolve(
    policy: ReviewPolicy,
    name: str,
    fields: Mapping[str, object],
    excluded: Collection[str],
    absences: Mapping[str, Absence],
) -> tuple[Terms, tuple[AskedPerson, ...]]:
    """What holds for a review of the task or method of that name, and who is asked at once.

    ``fields`` are the crew's inputs, or the flow's state. ``excluded`` are the addresses of those
    who may not decide where the rule wants four eyes. ``absences`` are those that hold now, by
    address; the people of the ladder are the ones that it names, until ``present`` is asked.

    Where no rule finds anybody the creator is asked, even one who is away and named no deputy.
    Where the policy names no creator, nobody is asked.
    """
    rule = policy.rule_for(name)
    barred = tuple(sorted(map(_compared, excluded))) if rule.four_eyes else ()

    def found(asks: Sequence[Ask]) -> tuple[AskedPerson, ...]:
        named = (one for ask in asks for one in _named(policy, rule, ask, fields))
        return present(named, {}, barred)

    creator = present(_creator(policy), {}, barred)
    terms = Terms(
        rule=rule.match,
        decisions=rule.decisions,
        four_eyes=rule.four_eyes,
        excluded=barred,
        careful=rule.careful,
        calendar=policy.calendars[rule.calendar] if rule.calendar else None,
        remind_after=rule.remind_after,
        ladder=tuple(ResolvedRung(rung.after, found(rung.ask) or creator) for rung in rule.ladder),
        automatic=rule.automatic,
        sla=rule.sla,
        claim_timeout=next(
            (policy.groups[ask.name].claim_timeout for ask in rule.ask if _is_group(ask)), None
        ),
    )
    asked = present(found(rule.ask), absences, barred)
    return terms, asked or present(creator, absences, barred) or creator


def present(
    asked: Iterable[AskedPerson], absences: Mapping[str, Absence], excluded: Collection[str]
) -> tuple[AskedPerson, ...]:
    """Those who can be asked now, each once, in order.

    Who is named by a group and by themselves as well is asked by themselves.

    Whoever is away is replaced by the person they named, and so on; by nobody where that leads
    nowhere, in a circle, or to somebody who is asked anyway. ``excluded`` are not asked: those of
    four eyes and, for a rung of the ladder, those who were asked before.
    """
    named = tuple(asked)
    addresses = {one.address for one in named}
    barred = set(map(_compared, excluded))
    found: dict[str, AskedPerson] = {}
    for one in named:
        address = None if one.address in barred else _who_is_there(one.address, absences)
        if address == one.address:
            is_nearer = one.group is None and address in found and found[address].group is not None
            found[address] = one if is_nearer else found.get(address, one)
        elif address is not None and address not in barred | addresses:
            found.setdefault(
                address, AskedPerson(address, f"in place of {one.address} ({one.reason})")
            )
    return tuple(found.values())


def _who_is_there(address: str, absences: Mapping[str, Absence]) -> str | None:
    passed = {address}
    while address in absences:
        after = address_of(absences[address].to or "")
        if after is None or after in passed:
            return None
        passed.add(after)
        address = after
    return address


def _named(
    policy: ReviewPolicy, rule: Rule, ask: Ask, fields: Mapping[str, object]
) -> Iterator[AskedPerson]:
    """The people whom one line of a rule names."""
    match ask.source:
        case Source.ADDRESS:
            yield AskedPerson(_compared(ask.name), f"rule {rule.match}")
        case Source.GROUP:
            for member in policy.groups[ask.name].members:
                yield AskedPerson(_compared(member), f"group {ask.name}", ask.name)
        case Source.FIELD:
            for address in _addresses_in(fields, ask.name):
                yield AskedPerson(address, f"field {ask.name}")


def _addresses_in(fields: Mapping[str, Any], path: str) -> list[str]:
    """What of a field is addresses: it holds one, a list, or several with commas between them."""
    value: Any = fields
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    texts = value if isinstance(value, list | tuple) else (value,)
    parts = (part for text in texts if isinstance(text, str) for part in text.split(","))
    return list(filter(None, map(address_of, parts)))[:MOST_FROM_A_FIELD]


def _creator(policy: ReviewPolicy) -> tuple[AskedPerson, ...]:
    return (AskedPerson(_compared(policy.creator), "creator"),) if policy.creator else ()


def _is_group(ask: Ask) -> bool:
    return ask.source is Source.GROUP


def _compared(address: str) -> str:
    return address_of(address) or address

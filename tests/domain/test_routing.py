from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.review_policy import (
    Ask,
    Automatic,
    Calendar,
    Duration,
    Group,
    ReviewPolicy,
    Rule,
    Rung,
    Source,
)
from orchestrator.domain.review_terms import Absence, AskedPerson, ResolvedRung, Terms
from orchestrator.domain.routing import MOST_FROM_A_FIELD, present, resolve

ANN, BEN, CY, BOSS, OWNER = (f"{name}@x.com" for name in ("ann", "ben", "cy", "boss", "owner"))
FIELD, LEGAL = Ask(Source.FIELD, "account.owner"), Ask(Source.GROUP, "legal")
GROUPS = {
    "legal": Group("legal", (BEN, CY), timedelta(hours=4)),
    "board": Group("board", (BOSS,)),
}
DAY = Duration(timedelta(days=1))


def to(address: str) -> Ask:
    return Ask(Source.ADDRESS, address)


def away(**to: str | None) -> dict[str, Absence]:
    until = datetime(2026, 12, 1, tzinfo=UTC)
    return {f"{name}@x.com": Absence(f"{name}@x.com", until, other) for name, other in to.items()}


def policy(*rules: Rule, creator: str | None = OWNER) -> ReviewPolicy:
    return ReviewPolicy(rules, GROUPS, creator=creator)


def who(asked: tuple[AskedPerson, ...]) -> list[str]:
    return [one.address for one in asked]


def test_a_rule_is_resolved_to_its_terms() -> None:
    office = Calendar("office", "Europe/Berlin", {})
    automatic = Automatic(DAY, approved=True)
    rule = Rule(
        match="draft*",
        ask=(to("Ann@X.com"), LEGAL),
        decisions=2,
        four_eyes=True,
        careful=True,
        calendar="office",
        remind_after=DAY,
        ladder=(Rung(DAY, (to(BOSS), to(ANN))),),
        automatic=automatic,
        sla=DAY,
    )
    given = ReviewPolicy((rule,), GROUPS, {"office": office}, OWNER)

    terms, asked = resolve(given, "draft-1", {}, {"BEN@x.com"}, {})

    assert asked == (AskedPerson(ANN, "rule draft*"), AskedPerson(CY, "group legal", "legal"))
    assert terms == Terms(
        rule="draft*",
        decisions=2,
        four_eyes=True,
        excluded=(BEN,),
        careful=True,
        calendar=office,
        remind_after=DAY,
        ladder=(
            ResolvedRung(DAY, (AskedPerson(BOSS, "rule draft*"), AskedPerson(ANN, "rule draft*"))),
        ),
        automatic=automatic,
        sla=DAY,
        claim_timeout=timedelta(hours=4),
    )


@pytest.mark.parametrize(
    ("name", "rule"),
    [("draft", "draft?*"), ("drafts", "draft?*"), ("final", "*"), ("[a]", "[a]"), ("a", "*")],
)
def test_the_first_rule_that_matches_counts(name: str, rule: str) -> None:
    rules = [Rule(match=match, ask=(to(ANN),)) for match in ("[a]", "draft?*", "*", "final")]
    expected = "*" if name == "draft" else rule
    assert resolve(policy(*rules), name, {}, (), {})[0].rule == expected


def test_without_a_rule_the_creator_is_asked() -> None:
    assert resolve(policy(), "draft", {}, (), {})[1] == (AskedPerson(OWNER, "creator"),)


@pytest.mark.parametrize(
    ("owner", "asked"),
    [
        ("Ann@x.com", [ANN]),
        ([ANN, BEN, ANN], [ANN, BEN]),
        (f"{ANN}, {BEN},", [ANN, BEN]),
        ([f"{ANN},{BEN}", CY], [ANN, BEN, CY]),
        ("nobody", [OWNER]),
        ([1, None, {"a": ANN}], [OWNER]),
        ({"address": ANN}, [OWNER]),
        (None, [OWNER]),
        (7, [OWNER]),
    ],
)
def test_a_field_may_hold_addresses_in_several_forms(owner: object, asked: list[str]) -> None:
    given = policy(Rule(ask=(FIELD,)))
    assert who(resolve(given, "draft", {"account": {"owner": owner}}, (), {})[1]) == asked


@pytest.mark.parametrize("fields", [{}, {"account": ANN}, {"account": [ANN]}, {"account.owner": 1}])
def test_a_field_that_is_not_there_asks_nobody(fields: Mapping[str, object]) -> None:
    assert who(resolve(policy(Rule(ask=(FIELD, to(BEN)))), "draft", fields, (), {})[1]) == [BEN]


def test_of_a_long_list_in_a_field_some_are_asked() -> None:
    many = [f"a{number}@x.com" for number in range(MOST_FROM_A_FIELD + 1)]
    _, asked = resolve(policy(Rule(ask=(FIELD,))), "draft", {"account": {"owner": many}}, (), {})
    assert who(asked) == many[:-1]


@pytest.mark.parametrize(
    ("asks", "four_eyes", "excluded", "asked"),
    [
        ((to(ANN), to(BEN)), False, [ANN], [ANN, BEN]),
        ((to(ANN), to(BEN)), True, [ANN], [BEN]),
        ((to(BEN), LEGAL, to(ANN), to(BEN)), True, [], [BEN, CY, ANN]),
        ((to(ANN),), True, [ANN], [OWNER]),
        ((to(ANN),), True, [ANN, OWNER], []),
    ],
)
def test_nobody_is_asked_twice_or_against_four_eyes(
    asks: tuple[Ask, ...], *, four_eyes: bool, excluded: list[str], asked: list[str]
) -> None:
    rule = Rule(ask=asks, four_eyes=four_eyes)
    assert who(resolve(policy(rule), "draft", {}, excluded, {})[1]) == asked


@pytest.mark.parametrize("asks", [(to(BEN), LEGAL), (LEGAL, to(BEN))])
def test_who_is_named_by_a_group_and_by_themselves_is_asked_by_themselves(
    asks: tuple[Ask, ...],
) -> None:
    _, asked = resolve(policy(Rule(ask=asks)), "draft", {}, (), {})
    assert asked == (AskedPerson(BEN, "rule *"), AskedPerson(CY, "group legal", "legal"))


def test_nobody_is_asked_where_there_is_no_creator() -> None:
    assert resolve(policy(Rule(ask=(FIELD,)), creator=None), "draft", {}, (), {})[1] == ()


@pytest.mark.parametrize(
    ("absences", "asked"),
    [
        (away(ann=CY), [CY, BEN]),
        (away(ann=None), [BEN]),
        (away(ann="no address"), [BEN]),
        (away(ann=BEN), [BEN]),  # who is asked anyway
        (away(ann=CY, cy=BOSS), [BOSS, BEN]),
        (away(ann=CY, cy=ANN), [BEN]),  # in a circle
        (away(ann=ANN), [BEN]),
        (away(ann=BEN, ben=CY), [CY]),  # both lead to one
        (away(ann=BEN, ben=ANN), [OWNER]),
        (away(ann=None, ben=None), [OWNER]),
        (away(ann=None, ben=None, owner=CY), [CY]),
        (away(ann=None, ben=None, owner=None), [OWNER]),  # better than nobody
        (away(ann="out@x.com"), [BEN]),  # who is excluded
        (away(out=CY), [ANN, BEN]),
    ],
)
def test_who_is_away_is_replaced(absences: dict[str, Absence], asked: list[str]) -> None:
    rule = Rule(ask=(to(ANN), to(BEN), to("out@x.com")), four_eyes=True)
    assert who(resolve(policy(rule), "draft", {}, ["out@x.com"], absences)[1]) == asked


def test_whoever_stands_in_is_told_for_whom() -> None:
    (asked,) = present([AskedPerson(ANN, "group legal")], away(ann=CY), ())
    assert asked == AskedPerson(CY, f"in place of {ANN} (group legal)")


def test_the_ladder_knows_no_absences_until_it_is_climbed() -> None:
    rule = Rule(ask=(to(ANN),), ladder=(Rung(DAY, (to(BOSS),)), Rung(DAY, (FIELD,))))
    terms, _ = resolve(policy(rule), "draft", {}, (), away(boss=BEN))

    assert [who(rung.asked) for rung in terms.ladder] == [[BOSS], [OWNER]]
    assert who(present(terms.ladder[0].asked, away(boss=BEN), ())) == [BEN]
    assert present(terms.ladder[0].asked, away(boss=ANN), [ANN]) == ()


people = st.sampled_from([f"{letter}@x.com" for letter in "abcdefgh"])
absent = st.dictionaries(people, st.none() | people).map(
    lambda given: away(**{address.partition("@")[0]: other for address, other in given.items()})
)


@given(asked=st.lists(people), absences=absent, excluded=st.sets(people))
def test_whatever_absences_there_are_those_asked_are_there(
    asked: list[str], absences: dict[str, Absence], excluded: set[str]
) -> None:
    found = who(present([AskedPerson(each, "") for each in asked], absences, excluded))

    assert len(found) == len(set(found))
    assert excluded.isdisjoint(found)
    assert absences.keys().isdisjoint(found)
    assert {each for each in asked if each not in absences} - excluded <= set(found)


def test_who_is_in_two_groups_is_asked_as_one_of_the_first() -> None:
    both = (
        AskedPerson("ann@x", "group legal", "legal"),
        AskedPerson("ann@x", "group press", "press"),
    )
    assert present(both, {}, ()) == both[:1]
    alone = AskedPerson("ann@x", "rule *")
    assert present((*both, alone), {}, ()) == (alone,)
    assert present((alone, *both), {}, ()) == (alone,)

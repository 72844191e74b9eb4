"""Who may do what: a permission includes those before it, and counts where it was given."""

from __future__ import annotations

from itertools import product

import pytest

from orchestrator.domain.permission import EVERYWHERE, Grants, Permission, Rights, Scope
from orchestrator.errors import NotEntitled, NotFound

VIEW, RESPOND, MANAGE = Permission
GRANTS = Grants({"ann@x.example": MANAGE, "ben@x.example": VIEW, "@x.example": RESPOND})
NOTHING = Rights()
DESK = Rights(by_deployment={"news": RESPOND, "sport": VIEW})
EDITOR = Rights(RESPOND, {"news": MANAGE})


def test_a_permission_includes_itself_and_those_before_it() -> None:
    included = {(one, other) for one, other in product(Permission, repeat=2) if one.includes(other)}
    assert included == {
        (VIEW, VIEW),
        (RESPOND, VIEW),
        (RESPOND, RESPOND),
        (MANAGE, VIEW),
        (MANAGE, RESPOND),
        (MANAGE, MANAGE),
    }


@pytest.mark.parametrize(
    ("person", "permission"),
    [
        ("ann@x.example", MANAGE),
        ("ben@x.example", RESPOND),  # their domain's is higher than their own
        ("cat@x.example", RESPOND),
        ("@x.example", RESPOND),
        ("cat@x.example@y.example", None),
        ("y@x.example@x.example", RESPOND),
        ("cat@y.example", None),
    ],
)
def test_a_person_has_the_highest_that_was_granted_to_them_or_their_domain(
    person: str, permission: Permission | None
) -> None:
    assert GRANTS.of(person) is permission


def test_nobody_is_granted_anything_where_nothing_is_written() -> None:
    assert Grants().of("ann@x.example") is None


@pytest.mark.parametrize(
    ("rights", "needed", "here", "elsewhere", "anywhere"),
    [
        (NOTHING, VIEW, False, False, False),
        (DESK, VIEW, True, False, True),
        (DESK, RESPOND, True, False, True),
        (DESK, MANAGE, False, False, False),
        (EDITOR, RESPOND, True, True, True),
        (EDITOR, MANAGE, True, False, True),
        (Rights(MANAGE), MANAGE, True, True, True),
        (Rights(VIEW), RESPOND, False, False, False),
    ],
)
def test_rights_count_where_they_were_given(
    rights: Rights, needed: Permission, *, here: bool, elsewhere: bool, anywhere: bool
) -> None:
    assert rights.may(needed, "news") is here
    assert rights.may(needed, "weather") is elsewhere
    assert rights.anywhere(needed) is anywhere
    assert rights.any_use(needed) is anywhere


@pytest.mark.parametrize(
    ("rights", "only"),
    [
        (NOTHING, None),
        (DESK, None),
        (EDITOR, None),
        (Rights(VIEW), None),
        (Rights(by_deployment={"news": VIEW}), "news"),
    ],
)
def test_rights_for_a_single_deployment_name_it(rights: Rights, only: str | None) -> None:
    assert rights.only == only


@pytest.mark.parametrize(
    ("rights", "needed", "names", "sees"),
    [
        (NOTHING, VIEW, set(), set()),
        (DESK, VIEW, {"news", "sport"}, {"news", "sport"}),
        (DESK, RESPOND, {"news"}, {"news", "sport"}),
        (DESK, MANAGE, set(), {"news", "sport"}),
        (EDITOR, MANAGE, {"news"}, None),
        (EDITOR, RESPOND, None, None),
    ],
)
def test_a_scope_is_where_the_rights_suffice_and_where_they_let_one_look(
    rights: Rights, needed: Permission, names: set[str] | None, sees: set[str] | None
) -> None:
    assert rights.scope(needed) == Scope(
        None if names is None else frozenset(names), None if sees is None else frozenset(sees)
    )


@pytest.mark.parametrize(("needed", "asked"), [(VIEW, True), (RESPOND, True), (MANAGE, False)])
def test_who_came_by_their_address_decides_wherever_they_are_asked(
    needed: Permission, *, asked: bool
) -> None:
    by_address = Rights(person="ann@x.example", by_address=True)
    with_a_token = Rights(person="ann@x.example")
    assert by_address.scope(needed).person == ("ann@x.example" if asked else None)
    assert by_address.any_use(needed) is asked
    assert with_a_token.scope(needed).person is None
    assert not with_a_token.any_use(needed)


@pytest.mark.parametrize("scope", [EVERYWHERE, Scope.of("news"), Scope(frozenset({"news"}))])
def test_what_a_scope_holds_is_allowed(scope: Scope) -> None:
    assert "news" in scope
    scope.require("news", NotFound())


@pytest.mark.parametrize("sees", [None, frozenset({"news", "sport"})])
def test_who_may_only_look_is_told_so(sees: frozenset[str] | None) -> None:
    scope = Scope(frozenset({"sport"}), sees)
    assert "news" not in scope
    with pytest.raises(NotEntitled, match=r"^You may look at 'news', but not do this there$"):
        scope.require("news", NotFound())


def test_who_may_not_even_look_is_told_that_there_is_nothing() -> None:
    missing = NotFound("no such execution")
    with pytest.raises(NotFound) as raised:
        Scope.of("sport").require("news", missing)
    assert raised.value is missing

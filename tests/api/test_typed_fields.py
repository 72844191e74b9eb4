"""From a JSON Schema to fields and, from what was put into them, to data."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.api.pages.typed_fields import Field, Input, fields_of_schema
from orchestrator.api.pages.typed_form import data_in, filled
from orchestrator.errors import Invalid

TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
NULL = {"type": "null"}


def an_object(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def fields(schema: dict[str, Any]) -> dict[str, Field]:
    found = fields_of_schema(schema)
    assert found is not None
    return {each.name: each for field in found for each in (field, *field.parts)}


def as_shown(schema: dict[str, Any], data: Any) -> dict[str, str]:
    """What a browser sends of the fields, untouched."""
    shown = filled(fields_of_schema(schema) or (), data, {}, {})
    every = [each for field in shown for each in (field.parts or (field,))]
    return {each.name: each.text for each in every}


def read(schema: dict[str, Any], before: Any, **sent: str) -> Any:
    said = {f"typed.{name}": text for name, text in sent.items()}
    return data_in(fields_of_schema(schema) or (), before, {**as_shown(schema, before), **said})


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        (TEXT, Input.TEXT),
        ({**TEXT, "maxLength": 500}, Input.LONG_TEXT),
        ({**TEXT, "format": "date"}, Input.DATE),
        ({**TEXT, "format": "date-time"}, Input.TEXT),
        (WHOLE, Input.NUMBER),
        (NUMBER, Input.NUMBER),
        ({"type": "boolean"}, Input.CHOICE),
        ({"enum": ["a", 3]}, Input.CHOICE),
        ({"type": "array", "items": TEXT}, Input.LINES),
        ({"type": "array", "items": {"type": "array"}}, Input.JSON),
        ({"type": "array"}, Input.JSON),
        (an_object(a=TEXT), Input.GROUP),
        ({"type": "object"}, Input.JSON),
        ({"anyOf": [TEXT, WHOLE]}, Input.JSON),
        ({}, Input.JSON),
        ({"$ref": "#/$defs/not-there"}, Input.JSON),
        ({"$ref": "http://192.0.2.1/x"}, Input.JSON),
        ({"anyOf": [WHOLE, NULL]}, Input.NUMBER),
        ({"type": ["string", "null"]}, Input.TEXT),
        ({"allOf": [WHOLE]}, Input.NUMBER),
        ({"anyOf": [an_object(a=TEXT), NULL]}, Input.JSON),
    ],
)
def test_a_schema_has_its_kind_of_field(schema: dict[str, Any], kind: Input) -> None:
    assert fields(an_object(it=schema))["typed.it"].input is kind


def test_references_are_followed_and_circles_left() -> None:
    schema = {
        **an_object(person={"$ref": "#/$defs/P"}, loop={"$ref": "#/$defs/L"}),
        "$defs": {
            "P": an_object("n", n=TEXT, of={"$ref": "#/$defs/P"}),
            "L": {"$ref": "#/$defs/L"},
        },
    }
    found = fields(schema)
    assert found["typed.person"].input is Input.GROUP
    assert (found["typed.person.n"].required, found["typed.person.of"].input) == (True, Input.JSON)
    assert found["typed.loop"].input is Input.JSON


def test_a_plain_value_is_one_field() -> None:
    assert fields(WHOLE).keys() == {"typed"}
    assert data_in(fields_of_schema(WHOLE) or (), None, {"typed": " 7 "}) == 7


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"not": {}}, {"anyOf": [TEXT, WHOLE]}])
def test_what_says_too_little_makes_no_form(schema: dict[str, Any]) -> None:
    assert fields_of_schema(schema) is None


def test_names_that_would_be_mixed_up_make_no_form() -> None:
    assert fields_of_schema(an_object(a=an_object(b=TEXT), **{"a.b": TEXT})) is None


def test_a_browser_checks_what_it_can() -> None:
    schema = an_object(
        n={**WHOLE, "minimum": 1, "maximum": 9},
        x={**NUMBER, "multipleOf": 0.5},
        t={**TEXT, "minLength": 2, "maxLength": 5},
    )
    found = fields(schema)
    assert found["typed.n"].attributes == {"min": "1", "max": "9", "step": "1"}
    assert found["typed.x"].attributes == {"step": "0.5"}
    assert found["typed.t"].attributes == {"minlength": "2", "maxlength": "5"}


def test_what_has_no_field_is_kept() -> None:
    schema = an_object(a=TEXT)
    assert read(schema, {"a": "x", "more": [1]}, a="y") == {"a": "y", "more": [1]}


def test_numbers_and_switches_stand_one_to_a_line() -> None:
    schema = an_object(
        n={"type": "array", "items": WHOLE}, b={"type": "array", "items": {"type": "boolean"}}
    )
    assert read(schema, {}, n="1\n 2 \n\n3", b="true\nfalse") == {
        "n": [1, 2, 3],
        "b": [True, False],
    }
    with pytest.raises(Invalid) as wrong:
        read(schema, {}, n="1\ntwo", b="maybe")
    assert list(wrong.value.details) == ["answer.n", "answer.b"]


@pytest.mark.parametrize(
    ("part", "before", "after"),
    [
        (TEXT, {"it": "x"}, {"it": ""}),
        (TEXT, {}, {}),
        ({**TEXT, "minLength": 1}, {"it": "x"}, {}),
        (WHOLE, {"it": 3}, {}),
        ({"anyOf": [WHOLE, NULL]}, {"it": 3}, {"it": None}),
        ({"anyOf": [WHOLE, NULL]}, {}, {}),
        ({"type": "array", "items": TEXT}, {"it": ["x"]}, {"it": []}),
        ({"type": "array", "items": TEXT}, {}, {}),
    ],
)
def test_an_emptied_field_means_as_little_as_there_may_be(
    part: dict[str, Any], before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert read(an_object(it=part), before, it="  ") == after


SCHEMA = an_object(
    "t",
    "n",
    t=TEXT,
    n=WHOLE,
    x=NUMBER,
    b={"type": "boolean"},
    e={"enum": ["a", "b", 3, None, True]},
    o={"anyOf": [WHOLE, NULL]},
    j={"type": "array", "items": {"type": "array"}},
    g=an_object("t", t=TEXT, b={"type": "boolean"}),
)
# Browsers end lines in their own way and drop what no text has; neither is ours to mend.
TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=20).filter(
    lambda text: not text or bool(text.strip())
)


@given(
    st.fixed_dictionaries(
        {"t": TEXTS, "n": st.integers(-(2**60), 2**60)},
        optional={
            "x": st.floats(allow_nan=False, allow_infinity=False),
            "b": st.booleans(),
            "e": st.sampled_from(["a", "b", 3, True]),
            "o": st.none() | st.integers(0, 9),
            "j": st.lists(st.lists(st.integers())),
            "g": st.fixed_dictionaries({"t": TEXTS}, optional={"b": st.booleans()}),
        },
    )
)
def test_what_is_sent_untouched_is_what_it_was(data: dict[str, Any]) -> None:
    assert read(SCHEMA, data) == data

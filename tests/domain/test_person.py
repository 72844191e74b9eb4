from __future__ import annotations

import pytest

from orchestrator.domain.person import address_of


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ann@x.example", "ann@x.example"),
        (" Ann@X.Example\n", "ann@x.example"),
        ("ANN+news@x.example", "ann+news@x.example"),
        ("jürgen@straße.example", "jürgen@strasse.example"),
        ("ann@xn--Bcher-KVA.example", "ann@bücher.example"),
        ("ann@xn--strae-oqa.example", "ann@xn--strae-oqa.example"),
        ("ann@xn--a.example", "ann@xn--a.example"),
        ("ann@xn--ab-r13a.example", "ann@xn--ab-r13a.example"),  # a full stop of another script
        (f"{'a' * 64}@x.example", f"{'a' * 64}@x.example"),
        (f" a@{'x' * 252} ", f"a@{'x' * 252}"),
    ],
)
def test_addresses_are_compared_in_one_form(text: str, address: str) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "@x.example",
        "ann@",
        "ann@x@y.example",
        "ann b@x.example",
        "Ann <ann@x.example>",
        "ann@x.example, ben@x.example",
        "ann@x.example\x00",
        '"ann"@x.example',
        f"{'a' * 65}@x.example",
        f"aa@{'x' * 252}",
    ],
)
def test_anything_else_is_no_address(text: str) -> None:
    assert address_of(text) is None

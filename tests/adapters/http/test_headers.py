from __future__ import annotations

import pytest

from orchestrator.adapters.http.headers import authorization, check_header_value
from orchestrator.domain.delivery import Authentication
from orchestrator.errors import Invalid


@pytest.mark.parametrize("value", ["a", "Bearer abc", "text/plain; charset=utf-8", '~!"#'])
def test_printable_text_on_one_line_can_stand_in_a_header(value: str) -> None:
    check_header_value("X-Note", value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " a",
        "a ",
        "a\r\nb: c",
        "a\nb",
        "a\rb",
        "a\n",
        "a\x00",
        "a\tb",
        "\u00e4",
        "\u010a",
        "\x7f",
    ],
)
def test_what_could_begin_another_header_is_refused(value: str) -> None:
    with pytest.raises(Invalid, match="X-Note"):
        check_header_value("X-Note", value)


def test_a_bearer_token_is_given_as_it_is() -> None:
    assert authorization(Authentication("bearer", token="a.b-c=")) == "Bearer a.b-c="


def test_basic_credentials_are_encoded() -> None:
    basic = Authentication("basic", username="Aladdin", password="open sesame")
    assert authorization(basic) == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX-Evil: 1", "\u20ac"])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(Invalid):
        authorization(Authentication("bearer", token=token))


def test_an_unknown_strategy_is_refused() -> None:
    with pytest.raises(Invalid, match="bearer"):
        authorization(Authentication("digest"))
